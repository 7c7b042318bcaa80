"""The JSON interface for staff: attempts, their labels, and a check of one picture. docs/api.md describes it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from liveness import queue, reviewing, runtime
from liveness.engine import checking
from liveness.engine.frames import FILE_LIMITS
from liveness.models import Attempt
from liveness.throttling import CountingThrottle


class MayReview(BasePermission):
    """Staff with the permission to review attempts."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return reviewing.may_review(request.user)


class CheckThrottle(CountingThrottle):
    """A check costs a worker's time."""

    scope = "check"
    rate = "60/min"


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "No picture can be judged at the moment."
    default_code = "unavailable"


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Unreadable(serializers.ValidationError):
    """The file is no picture that can be read. fault: the FrameFault."""

    def __init__(self, fault: str, field: str = "image") -> None:
        super().__init__({field: [f"This picture cannot be read: {fault}."]}, fault)


class AttemptSerializer(serializers.ModelSerializer):
    """``evidence``: what is kept in full size; ``given``: the label of whoever asks."""

    evidence: Any = serializers.SlugRelatedField("kind", many=True, read_only=True)
    given: Any = serializers.CharField(read_only=True)

    class Meta:
        model = Attempt
        fields = [
            "id",
            "purpose",
            "claimed",
            "user",
            "state",
            "reason",
            "matched",
            "created",
            "opened",
            "closed",
            "model_name",
            "model_sha256",
            "threshold",
            "pooled",
            "margin",
            "frames",
            "client",
            "user_agent",
            "camera",
            "risks",
            "flash",
            "sampled",
            "label",
            "disputed",
            "given",
            "evidence",
        ]
        read_only_fields = fields


class LabelSerializer(serializers.Serializer):
    label: Any = serializers.ChoiceField([value for value in Attempt.Label.values if value])


class ImageSerializer(serializers.Serializer):
    image = serializers.FileField(allow_empty_file=True)

    def validate_image(self, image: Any) -> Any:
        if image.size > FILE_LIMITS.max_bytes:
            raise serializers.ValidationError("The image is too large.", "too_many_bytes")
        return image


def _reviewer(request: Request) -> Any:
    """The signed-in person; the permission has refused everybody else."""
    return request.user


class CheckedSerializer(serializers.Serializer):
    """p_live: 0–1, null without a face; box: left, top, width, height in pixels; reason: of an abstention."""

    verdict: Any = serializers.ChoiceField([v for v in checking.Outcome if v != "error"])
    p_live: Any = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    box: Any = serializers.ListField(
        child=serializers.FloatField(), min_length=4, max_length=4, allow_null=True
    )
    reason: Any = serializers.CharField(allow_null=True)
    model: Any = serializers.CharField()


_FILTERS = [
    OpenApiParameter(name, OpenApiTypes.STR, description=f"Queue filter: {field.label or name}.")
    for name, field in queue.FilterForm.base_fields.items()
]


@extend_schema_view(list=extend_schema(parameters=_FILTERS))
class AttemptViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Attempt]
):
    """Attempts in the queue's order and with its filters; without filters all of them, the newest first."""

    permission_classes = [MayReview]
    scope = "attempts"
    serializer_class = AttemptSerializer
    queryset = Attempt.objects.none()

    def get_queryset(self) -> Any:
        reviewer = _reviewer(self.request)
        rows = Attempt.objects.order_by("-created", "pk")
        if self.action == "list" and set(self.request.GET) & set(queue.FilterForm.base_fields):
            rows = queue.find(queue.Filters.read(self.request.GET), reviewer)
        return queue.with_evidence(reviewing.with_opinion(rows, reviewer)).defer("secret")

    @extend_schema(request=LabelSerializer, responses=AttemptSerializer)
    @action(detail=True, methods=["post"])
    def label(self, request: Request, pk: str | None = None) -> Response:
        fields = LabelSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        attempt = self.get_object()
        try:
            reviewing.review_attempt(
                attempt=attempt, reviewer=_reviewer(request), label=fields.validated_data["label"]
            )
        except ValueError as error:
            raise serializers.ValidationError({"label": [str(error)]}) from error
        return self._answer(attempt.pk)

    @extend_schema(request=None, responses=AttemptSerializer)
    @action(detail=False, methods=["post"])
    def undo(self, request: Request) -> Response:
        """Take back the last label of whoever asks, and answer with the attempt it was on."""
        try:
            attempt = reviewing.undo_review(reviewer=_reviewer(request))
        except reviewing.NothingToUndo as error:
            raise Conflict(str(error)) from error
        return self._answer(attempt.pk)

    def _answer(self, pk: object) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data)


class CheckView(APIView):
    """POST one image (multipart field ``image``) and get a verdict. Nothing is stored."""

    permission_classes = [MayReview]
    throttle_classes = [CheckThrottle]
    scope = "checks"

    @extend_schema(
        operation_id="check_create",
        request={"multipart/form-data": ImageSerializer},
        responses=CheckedSerializer,
    )
    def post(self, request: Request) -> Response:
        fields = ImageSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        try:
            _, engine = runtime.get_engine()
            result = runtime.run_now(checking.check, engine, fields.validated_data["image"].read())
        except (runtime.EngineUnavailable, runtime.Busy) as error:
            raise Unavailable from error
        if result.verdict is checking.Outcome.ERROR:
            raise Unreadable(result.reason)
        return Response({**result.as_dict(), "model": engine.model.bundle.name})
