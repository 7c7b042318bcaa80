"""Captures over the API: order, look, redeem."""

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from api import captures
from api.captures import CaptureError
from api.models import ApiKey, Capture

STATES = [
    "open",
    "running",
    "live",
    "refused",
    "abstained",
    "error",
    "abandoned",
    "expired",
    "redeemed",
]
_NEEDED = {
    Capture.Purpose.VERIFY: "accounts.view_user",
    Capture.Purpose.ENROL: "accounts.change_user",
}


class HasKey(BasePermission):
    """Captures belong to the key that ordered them; a person in a browser has none."""

    message = "This needs an API key."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey)


class Refused(APIException):
    """What is there does not allow this step."""

    status_code = 409

    def __init__(self, error: CaptureError) -> None:
        super().__init__(str(error), error.code)


class CaptureSerializer(serializers.ModelSerializer):
    """url: what the frame shows; whoever has it may try to pass. state: how it stands now."""

    person: Any = serializers.SlugRelatedField("username", read_only=True, allow_null=True)
    state: Any = serializers.SerializerMethodField()
    url: Any = serializers.SerializerMethodField()

    class Meta:
        model = Capture
        fields = ["id", "purpose", "person", "reference", "origin", "state", "tries"]
        fields += ["created", "expires", "redeemed", "url"]
        read_only_fields = fields

    @extend_schema_field({"type": "string", "enum": STATES})
    def get_state(self, capture: Capture) -> str:
        return captures.state(capture)

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, capture: Capture) -> str:
        path = reverse("embed:capture", args=[captures.token_of(capture)])
        return str(self.context["request"].build_absolute_uri(path))


class PersonField(serializers.SlugRelatedField):
    """A user name. One with a NUL is nobody's; PostgreSQL would not even look for it."""

    def to_internal_value(self, data: Any) -> Any:
        if "\x00" in str(data):
            self.fail("does_not_exist", slug_name=self.slug_field, value=repr(data))
        return super().to_internal_value(data)


class OrderSerializer(serializers.Serializer):
    """person: a user name, for verify and enrol; origin: the site whose page shows the frame; seconds: how long."""

    purpose: Any = serializers.ChoiceField(Capture.Purpose.choices)
    person: Any = PersonField(
        "username", queryset=User.objects.all(), required=False, allow_null=True
    )
    reference: Any = serializers.CharField(required=False, allow_blank=True, max_length=200)
    origin: Any = serializers.CharField(required=False, allow_blank=True, max_length=200)
    seconds: Any = serializers.IntegerField(required=False, min_value=60, max_value=3600)


class ResultSerializer(serializers.Serializer):
    """verdict: live alone is a success; matched: for verify; enrolled: for enrol."""

    id: Any = serializers.UUIDField()
    purpose: Any = serializers.ChoiceField(Capture.Purpose.choices)
    person: Any = serializers.CharField(allow_null=True)
    reference: Any = serializers.CharField(allow_blank=True)
    verdict: Any = serializers.ChoiceField(STATES)
    matched: Any = serializers.BooleanField(allow_null=True)
    enrolled: Any = serializers.BooleanField(allow_null=True)
    attempt: Any = serializers.UUIDField(allow_null=True)
    redeemed: Any = serializers.DateTimeField()


class RedeemedSerializer(serializers.Serializer):
    """signed: the same result as a JSON Web Token, HS256 under the SHA-256 hex of the key's secret."""

    result: Any = ResultSerializer()
    signed: Any = serializers.CharField()


class CaptureViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Capture]
):
    """The captures this key has ordered, the newest first."""

    permission_classes = [HasKey]
    serializer_class = CaptureSerializer
    queryset = Capture.objects.none()
    scope = "captures"

    def get_queryset(self) -> Any:
        key: Any = self.request.auth
        rows = Capture.objects.filter(key=key)
        return rows.select_related("key", "person", "attempt")

    @extend_schema(
        request=OrderSerializer,
        responses={201: OpenApiResponse(CaptureSerializer, "Ordered; show its url.")},
    )
    def create(self, request: Request) -> Response:
        """Order a capture. verify and enrol also need the right to see or to change people."""
        order = OrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        needed = _NEEDED.get(order.validated_data["purpose"])
        if needed and not request.user.has_perm(needed):
            self.permission_denied(request, f"The key's owner lacks the permission {needed}.")
        try:
            key: Any = request.auth
            capture = captures.open_capture(key=key, **order.validated_data)
        except CaptureError as error:
            raise Refused(error) from error
        return Response(self.get_serializer(capture).data, 201)

    @extend_schema(request=None, responses=RedeemedSerializer)
    @action(detail=True, methods=["post"])
    def redeem(self, request: Request, pk: str | None = None) -> Response:
        """The result, once. 409 while nobody has finished it, and when it was redeemed before."""
        capture = self.get_object()
        try:
            result = captures.redeem(capture=capture)
        except CaptureError as error:
            raise Refused(error) from error
        return Response({"result": result, "signed": captures.sign(result, capture.key)})
