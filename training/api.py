"""The JSON interface to training runs for staff: preview, request, watch, cancel. docs/api.md describes it."""

from functools import partial
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from training import facts, plans, recipes, services, tasks
from training.forms import check_paths
from training.freezing import Choice
from training.models import TrainingRun
from training.plans import Plan


class MayTrain(BasePermission):
    """Staff who may see training runs; who starts or cancels one needs the permission to add them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        check = facts.may_watch if request.method in SAFE_METHODS else facts.may_start
        return check(request.user)


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class RunSerializer(serializers.ModelSerializer):
    class Meta:
        model = TrainingRun
        fields = [
            *("id", "state", "created", "started", "finished", "requested_by", "scheduled"),
            *("recipe", "base", "attempts", "data_digest", "copies_digest", "options", "tries"),
            *("heartbeat", "progress", "history", "reason", "result", "model"),
        ]
        read_only_fields = fields


class RunInFull(RunSerializer):
    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "log"]
        read_only_fields = fields


class PlanSerializer(serializers.Serializer):
    """What PlanForm asks, for programs. paths: manifests on the training machine, for superusers."""

    base: Any = serializers.ListField(child=serializers.CharField(), default=list)
    paths: Any = serializers.ListField(child=serializers.CharField(), default=list)
    recipe: Any = serializers.ChoiceField(list(recipes.RECIPES))
    reviewed: Any = serializers.BooleanField(default=True)
    camera: Any = serializers.CharField(default="", allow_blank=True)
    since: Any = serializers.DateField(default=None, allow_null=True)
    options: Any = serializers.DictField(default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["paths"] = tuple(map(Path, attrs["paths"]))
        try:
            check_paths(attrs["options"], self.context["request"].user, attrs["paths"])
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error
        return attrs

    def plan(self) -> Plan:
        given = self.validated_data
        choice = Choice(given["reviewed"], given["camera"], given["since"])
        return Plan(tuple(given["base"]), given["recipe"], choice, given["options"], given["paths"])


class TrainingRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TrainingRun]
):
    """Training runs, the newest first."""

    permission_classes = [MayTrain]
    scope = "training"
    queryset = TrainingRun.objects.all()

    def get_serializer_class(self) -> Any:
        return RunSerializer if self.action == "list" else RunInFull

    @extend_schema(request=PlanSerializer, responses={201: RunInFull})
    def create(self, request: Request) -> Response:
        """Queue a run. 400 with all that is wrong."""
        plan, by = self._plan(request), request.user
        try:
            with transaction.atomic():
                run = plans.start(plan, by=by)
                transaction.on_commit(partial(tasks.enqueue, run.pk))
        except services.RequestError as error:
            raise serializers.ValidationError({"plan": [str(error)]}) from error
        return Response(self.get_serializer(run).data, status.HTTP_201_CREATED)

    @extend_schema(request=PlanSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        return Response(plans.preview(self._plan(request)).as_dict())

    @extend_schema(request=None, responses=RunInFull)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        run = self.get_object()
        try:
            services.cancel_run(run.pk)
        except services.RunStateError as error:
            raise Conflict(str(error)) from error
        run.refresh_from_db()
        return Response(self.get_serializer(run).data)

    def _plan(self, request: Request) -> Plan:
        fields = PlanSerializer(data=request.data, context={"request": request})
        fields.is_valid(raise_exception=True)
        return fields.plan()
