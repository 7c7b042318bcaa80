"""People over the API: accounts without a password, their consents, what is stored of them, and its erasure."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import consent, history, names, services
from accounts.models import Consent, User
from liveness.api import Conflict

_RIGHTS = {"GET": "view", "HEAD": "view", "OPTIONS": "view", "POST": "change", "DELETE": "delete"}


class MayManagePeople(BasePermission):
    """Staff with the permission to view, add, change or delete accounts, as the step needs."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        right = _RIGHTS.get(str(request.method), "delete")
        right = "add" if getattr(view, "action", "") == "create" else right
        user = request.user
        return bool(user and user.is_staff and user.has_perm(f"accounts.{right}_user"))


class PersonSerializer(serializers.ModelSerializer):
    """has_face: a face is on record; consent: whether one is in force."""

    has_face: Any = serializers.BooleanField(read_only=True)
    consent: Any = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["username", "email", "date_joined", "is_active", "has_face", "consent"]
        read_only_fields = ["date_joined", "is_active"]

    def get_consent(self, user: User) -> bool:
        return services.consent_of(user) is not None

    def validate_username(self, name: str) -> str:
        """Two spellings of one name are one name, here as at sign-in."""
        if names.find_user(names.canonical(name)) or "@" in name:
            raise serializers.ValidationError("This name is taken or not allowed.", "unique")
        return name


class ConsentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Consent
        fields = ["version", "digest", "training", "given", "withdrawn"]
        read_only_fields = fields


class GivenSerializer(serializers.Serializer):
    """text_version: of the text the person was shown; training: the separate permission to train."""

    text_version: Any = serializers.CharField()
    training: Any = serializers.BooleanField(required=False, default=False)

    def validate_text_version(self, version: str) -> str:
        if version != consent.VERSION:
            raise serializers.ValidationError(
                f"People have to agree to the present text, version {consent.VERSION}.", "outdated"
            )
        return version


class SectionSerializer(serializers.Serializer):
    title: Any = serializers.CharField()
    words: Any = serializers.CharField()


class TextSerializer(serializers.Serializer):
    """The words to show, the two questions to ask, and the version to name when they were agreed to."""

    version: Any = serializers.CharField()
    digest: Any = serializers.CharField()
    sections: Any = SectionSerializer(many=True)
    question: Any = serializers.CharField()
    training_question: Any = serializers.CharField()


class ConsentTextView(APIView):
    """The consent text of today, word for word."""

    permission_classes = [MayManagePeople]
    scope = "people"

    @extend_schema(responses=TextSerializer)
    def get(self, request: Request) -> Response:
        shown = {
            "version": consent.VERSION,
            "digest": consent.digest(),
            "sections": consent.sections(),
            "question": consent.FACE_LABEL,
            "training_question": consent.TRAINING_LABEL,
        }
        return Response(TextSerializer(shown).data)


class PersonViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[User],
):
    """People by user name. Staff can be looked at, and are changed on their own pages alone."""

    permission_classes = [MayManagePeople]
    serializer_class = PersonSerializer
    queryset = User.objects.order_by("pk")
    lookup_field = "username"
    lookup_value_regex = r"[\w.+-]+"
    scope = "people"

    def perform_create(self, serializer: Any) -> None:
        """No password: this person signs in through the other application, or asks for a new one by mail."""
        user = User(**serializer.validated_data)
        user.set_unusable_password()
        user.save()
        serializer.instance = user

    def perform_destroy(self, instance: User) -> None:
        """Erase the person and everything that belongs to them."""
        services.delete_account(user=self._ordinary(instance))

    @extend_schema(methods=["GET"], responses=ConsentSerializer(many=True), filters=False)
    @extend_schema(
        methods=["POST"],
        request=GivenSerializer,
        responses={201: OpenApiResponse(ConsentSerializer, "Recorded.")},
    )
    @extend_schema(
        methods=["DELETE"],
        request=None,
        responses={204: OpenApiResponse(None, "Withdrawn, and all it allowed erased.")},
    )
    @action(
        detail=True, methods=["get", "post", "delete"], pagination_class=None, url_path="consents"
    )
    def consents(self, request: Request, username: str | None = None) -> Response:
        """GET: all of them; POST: this person agreed; DELETE: withdraw, which erases face and attempts."""
        user = self.get_object()
        if request.method == "POST":
            given = GivenSerializer(data=request.data)
            given.is_valid(raise_exception=True)
            training = given.validated_data["training"]
            row = services.give_consent(user=self._ordinary(user), training=training)
            return Response(ConsentSerializer(row).data, 201)
        if request.method == "DELETE":
            services.withdraw_consent(user=self._ordinary(user))
            return Response(status=204)
        return Response(ConsentSerializer(user.consents.all(), many=True).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def export(self, request: Request, username: str | None = None) -> Response:
        """Everything that is stored about this person, without pictures."""
        return Response(history.export(self.get_object()))

    @extend_schema(
        request=None,
        responses={204: OpenApiResponse(None, "The face and its attempts are erased.")},
    )
    @action(detail=True, methods=["delete"])
    def face(self, request: Request, username: str | None = None) -> Response:
        """Erase the face, the attempts and their pictures; the account and the consent stay."""
        services.delete_face(user=self._ordinary(self.get_object()))
        return Response(status=204)

    def _ordinary(self, user: User) -> User:
        """No key can take an administrator away."""
        if user.is_staff or user.is_superuser:
            raise Conflict("This is a staff account; change it on the portal's own pages.")
        return user
