"""Models as JSON for staff: what there is, and the same steps as on the pages, through the same services."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from liveness import disagreement, registry
from liveness.engine.bundle import BundleError
from liveness.models import ModelVersion
from liveness.registry import ApprovalNeeded, GateError


class MayManage(BasePermission):
    """Staff with the permission to promote models."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return bool(user and user.is_staff and user.has_perm("liveness.promote_model"))


class Refused(APIException):
    """The step was refused, and nothing has changed; the words say why."""

    status_code = 409
    default_code = "refused"


class ModelSerializer(serializers.ModelSerializer):
    trained_by: Any = serializers.StringRelatedField(allow_null=True)
    asked_by: Any = serializers.StringRelatedField(allow_null=True)
    approved_by: Any = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = ModelVersion
        fields = [
            "id",
            "name",
            "sha256",
            "state",
            "shadow",
            "created",
            "promoted",
            "retired",
            "parent",
            "data_digest",
            "metrics",
            "trained_by",
            "asked_by",
            "approved_by",
            "gate",
            "notes",
        ]
        read_only_fields = fields


class DetailSerializer(serializers.Serializer):
    detail: Any = serializers.CharField()


class ModelViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ModelVersion]
):
    """Models, the newest first; POST to a step carries it out."""

    permission_classes = [MayManage]
    scope = "models"
    serializer_class = ModelSerializer
    queryset = ModelVersion.objects.select_related("trained_by", "asked_by", "approved_by")

    @extend_schema(
        request=None,
        responses={
            200: ModelSerializer,
            202: OpenApiResponse(DetailSerializer, "Another person has to approve."),
        },
    )
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str | None = None) -> Response:
        """409 when the gate refuses; 202 when another person has to approve."""
        model = self.get_object()
        try:
            registry.promote_model(model=model, by=request.user)
        except ApprovalNeeded as error:
            return Response({"detail": str(error)}, 202)
        except (BundleError, GateError) as error:
            raise Refused(str(error)) from error
        return self._answer(model)

    @extend_schema(request=None, responses=ModelSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str | None = None) -> Response:
        model = self.get_object()
        try:
            registry.approve_model(model=model, by=request.user)
        except (BundleError, GateError) as error:
            raise Refused(str(error)) from error
        return self._answer(model)

    @extend_schema(request=None, responses=ModelSerializer)
    @action(detail=False, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request) -> Response:
        try:
            return self._answer(registry.roll_back_model(by=request.user))
        except (BundleError, GateError, LookupError) as error:
            raise Refused(str(error)) from error

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get", "post", "delete"])
    def shadow(self, request: Request, pk: str | None = None) -> Response:
        """GET: how it disagrees with the champions; POST: begin; DELETE: stop."""
        model = self.get_object()
        try:
            if request.method == "POST":
                registry.start_shadow(model=model, by=request.user)
            elif request.method == "DELETE" and model.shadow:
                registry.stop_shadow(by=request.user)
        except (BundleError, GateError) as error:
            raise Refused(str(error)) from error
        return Response(disagreement.of(model).as_dict())

    def _answer(self, model: ModelVersion) -> Response:
        model.refresh_from_db()
        return Response(self.get_serializer(model).data)
