"""People over the API: accounts without a password, their consents, what is stored of them, and its erasure."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import archive, audit, consent, history, ledger, names, services
from accounts.consent import Purpose
from accounts.models import Consent, User
from liveness import runtime
from liveness.api import Conflict, Unavailable

_RIGHTS = {"GET": "view", "HEAD": "view", "OPTIONS": "view", "POST": "change", "DELETE": "delete"}


class MayManagePeople(BasePermission):
    """Staff with the permission to view, add, change or delete accounts, as the step needs."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        right = _RIGHTS.get(str(request.method), "delete")
        right = "add" if getattr(view, "action", "") == "create" else right
        user = request.user
        return bool(user and user.is_staff and user.has_perm(f"accounts.{right}_user"))


class PersonSerializer(serializers.ModelSerializer):
    """has_face: a face is on record; consent: to sign in with it; purposes: all that they agreed to."""

    has_face: Any = serializers.BooleanField(read_only=True)
    consent: Any = serializers.SerializerMethodField()
    purposes: Any = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = [
            "username",
            "email",
            "date_joined",
            "is_active",
            "has_face",
            "consent",
            "purposes",
        ]
        read_only_fields = ["date_joined", "is_active"]

    def get_consent(self, user: User) -> bool:
        return services.consent_of(user) is not None

    def get_purposes(self, user: User) -> list[str]:
        return [purpose.value for purpose in ledger.in_force(user)]

    def validate_username(self, name: str) -> str:
        """Two spellings of one name are one name, here as at sign-in."""
        if names.find_user(names.canonical(name)) or "@" in name:
            raise serializers.ValidationError("This name is taken or not allowed.", "unique")
        return name


class ConsentSerializer(serializers.ModelSerializer):
    """One consent to one purpose; digest: SHA-256 of the text; training: whether that is the purpose."""

    person: Any = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = Consent
        fields = ["person", "purpose", "version", "digest", "training", "given", "withdrawn"]
        read_only_fields = fields


class VersionSerializer(serializers.Serializer):
    """text_version: of the text the person was shown."""

    text_version: Any = serializers.CharField()

    def validate_text_version(self, version: str) -> str:
        if version != consent.VERSION:
            raise serializers.ValidationError(
                f"People have to agree to the present text, version {consent.VERSION}.", "outdated"
            )
        return version


class GivenSerializer(VersionSerializer):
    """The answers of one page: evidence and training are permissions of their own; without them they are taken back."""

    evidence: Any = serializers.BooleanField(required=False, default=False)
    training: Any = serializers.BooleanField(required=False, default=False)


class SectionSerializer(serializers.Serializer):
    title: Any = serializers.CharField()
    words: Any = serializers.CharField()


class PurposeTextSerializer(serializers.Serializer):
    """The words about one purpose, its question, and the digest that a consent to it will carry."""

    purpose: Any = serializers.ChoiceField(Purpose.choices)
    version: Any = serializers.CharField()
    digest: Any = serializers.CharField()
    title: Any = serializers.CharField()
    sections: Any = SectionSerializer(many=True)
    question: Any = serializers.CharField()


class TextSerializer(serializers.Serializer):
    """The words to show, the questions to ask, and the version to name when they were agreed to."""

    version: Any = serializers.CharField()
    digest: Any = serializers.CharField()
    sections: Any = SectionSerializer(many=True)
    question: Any = serializers.CharField()
    evidence_question: Any = serializers.CharField()
    training_question: Any = serializers.CharField()
    purposes: Any = PurposeTextSerializer(many=True)


class ConsentTextView(APIView):
    """The consent text of today, word for word."""

    permission_classes = [MayManagePeople]
    scope = "people"

    @extend_schema(responses=TextSerializer)
    def get(self, request: Request) -> Response:
        texts = consent.texts()
        questions = {text.purpose: text.question for text in texts}
        shown = {
            "version": consent.VERSION,
            "digest": consent.digest(),
            "sections": consent.sections(),
            "question": questions[Purpose.SIGNIN],
            "evidence_question": questions[Purpose.EVIDENCE],
            "training_question": questions[Purpose.TRAINING],
            "purposes": texts,
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
        services.delete_account(user=self._ordinary(instance), by=self._caller())

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
            answers = {name: given.validated_data[name] for name in ("evidence", "training")}
            by = self._caller()
            row = services.give_consent(user=self._ordinary(user), by=by, **answers)
            return Response(ConsentSerializer(row).data, 201)
        if request.method == "DELETE":
            services.withdraw_consent(user=self._ordinary(user), by=self._caller())
            return Response(status=204)
        return Response(ConsentSerializer(user.consents.all(), many=True).data)

    @extend_schema(
        methods=["POST"],
        operation_id="people_consent_create",
        request=VersionSerializer,
        responses={201: OpenApiResponse(ConsentSerializer, "Recorded.")},
    )
    @extend_schema(
        methods=["DELETE"],
        operation_id="people_consent_destroy",
        request=None,
        responses={204: OpenApiResponse(None, "Withdrawn, and what it alone allowed erased.")},
    )
    @action(
        detail=True,
        methods=["post", "delete"],
        url_path=r"consents/(?P<purpose>signin|evidence|training)",
    )
    def purpose(self, request: Request, username: str | None = None, purpose: str = "") -> Response:
        """One purpose on its own. POST: this person agreed; DELETE: withdraw, which erases what it allowed."""
        user, which = self._ordinary(self.get_object()), Purpose(purpose)
        if request.method == "DELETE":
            services.take_back(user=user, purpose=which, by=self._caller())
            return Response(status=204)
        VersionSerializer(data=request.data).is_valid(raise_exception=True)
        row = services.agree(user=user, purpose=which, by=self._caller())
        return Response(ConsentSerializer(row).data, 201)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def export(self, request: Request, username: str | None = None) -> Response:
        """Everything that is stored about this person, without pictures."""
        return Response(history.export(self.get_object()))

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def archive(self, request: Request, username: str | None = None) -> HttpResponse:
        """The same as a ZIP with the consent texts and a page that explains it, as the person would download it.

        Pictures that show the person come along where the key's owner may review attempts.
        """
        user, by = self.get_object(), self._caller()
        try:
            content = archive.build(user, pictures=by.has_perm("liveness.review_attempt"))
        except (runtime.Busy, runtime.EngineUnavailable) as error:
            raise Unavailable from error
        audit.accepted("data_exported", user=user.pk, by=by.pk)
        headers = {"Content-Disposition": f'attachment; filename="{archive.NAME}"'}
        return HttpResponse(content, content_type="application/zip", headers=headers)

    @extend_schema(
        request=None,
        responses={204: OpenApiResponse(None, "The face and its attempts are erased.")},
    )
    @action(detail=True, methods=["delete"])
    def face(self, request: Request, username: str | None = None) -> Response:
        """Erase the face, the attempts and their pictures; the account and the consent stay."""
        services.delete_face(user=self._ordinary(self.get_object()), by=self._caller())
        return Response(status=204)

    def _caller(self) -> User:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  (the permission guarantees it)
        return user

    def _ordinary(self, user: User) -> User:
        """No key can take an administrator away."""
        if user.is_staff or user.is_superuser:
            raise Conflict("This is a staff account; change it on the portal's own pages.")
        return user
