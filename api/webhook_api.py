"""Webhooks over the API: make, list, test, switch off and on, read the log, send again."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import webhooks
from api.events import send_after_commit
from api.models import Webhook, WebhookDelivery, WebhookTry
from api.webhooks import WebhookError
from liveness.api import Conflict


class MayKeepWebhooks(BasePermission):
    """Staff with the permission to add webhooks; each sees their own."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return bool(user and user.is_staff and user.has_perm("api.add_webhook"))


class WebhookSerializer(serializers.ModelSerializer):
    """why: it was disabled (hand, failing, gone); failing_since: null while the last try went well."""

    events: Any = serializers.ListField(child=serializers.ChoiceField(list(webhooks.EVENTS)))

    class Meta:
        model = Webhook
        fields = ["id", "url", "note", "events", "created", "disabled", "why", "failing_since"]
        read_only_fields = ["created", "disabled", "why", "failing_since"]
        extra_kwargs = {"note": {"required": False}}


class SecretSerializer(serializers.Serializer):
    """secret: whsec_ and the base64 of 32 bytes; it cannot be read again."""

    secret: Any = serializers.CharField()


class NewWebhookSerializer(WebhookSerializer):
    """With the secret, this once."""

    secret: Any = serializers.CharField(read_only=True)

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class TrySerializer(serializers.ModelSerializer):
    class Meta:
        model = WebhookTry
        fields = ["at", "seconds", "status", "answer"]
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer):
    """event: the webhook-id is msg_ and its digits; due: of the next try, while it waits; log: the latest try first."""

    type: Any = serializers.CharField(source="event.type")
    at: Any = serializers.DateTimeField(source="event.at")
    event: Any = serializers.UUIDField(source="event_id")
    log: Any = TrySerializer(many=True)

    class Meta:
        model = WebhookDelivery
        fields = ["id", "event", "type", "at", "state", "tries", "due", "ended", "log"]
        read_only_fields = fields


class WebhookViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Webhook],
):
    """Your webhooks, the newest first."""

    permission_classes = [MayKeepWebhooks]
    serializer_class = WebhookSerializer
    queryset = Webhook.objects.none()
    lookup_value_converter = "uuid"
    scope = "webhooks"

    def get_queryset(self) -> Any:
        return Webhook.objects.filter(owner=self._person())

    @extend_schema(
        request=WebhookSerializer,
        responses={201: OpenApiResponse(NewWebhookSerializer, "Made; keep its secret.")},
    )
    def create(self, request: Request) -> Response:
        """Make a webhook. Its address has to be https and on the public internet."""
        given = WebhookSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            hook, secret = webhooks.create_webhook(owner=self._person(), **given.validated_data)
        except WebhookError as error:
            raise serializers.ValidationError({error.field: [str(error)]}, error.code) from error
        return Response({**self.get_serializer(hook).data, "secret": secret}, 201)

    def perform_destroy(self, instance: Webhook) -> None:
        """Delete a webhook with its log and what waits for it."""
        webhooks.delete(hook=instance, by=self._person())

    @extend_schema(
        request=None, responses={202: OpenApiResponse(DeliverySerializer, "On its way.")}
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str | None = None) -> Response:
        """Send it an event of the type webhook.test. 409 while it is disabled."""
        try:
            return self._on_its_way(webhooks.emit_test(hook=self.get_object()))
        except WebhookError as error:
            raise Conflict(str(error)) from error

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str | None = None) -> Response:
        """Send it nothing more; what waits is kept."""
        hook = self.get_object()
        webhooks.disable(hook=hook, why=webhooks.Why.HAND, by=self._person())
        return Response(self.get_serializer(hook).data)

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str | None = None) -> Response:
        """Send it events again, at first those that wait."""
        hook = self.get_object()
        try:
            webhooks.enable(hook=hook, by=self._person())
        except WebhookError as error:
            raise Conflict(str(error)) from error
        return Response(self.get_serializer(hook).data)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: str | None = None) -> Response:
        """Another secret; the old one signs nothing any more."""
        return Response(
            {"secret": webhooks.renew_secret(hook=self.get_object(), by=self._person())}
        )

    @extend_schema(responses=DeliverySerializer(many=True))
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, pk: str | None = None) -> Response:
        """The log: what was sent, what was answered, what waits; the newest event first."""
        hook = self.get_object()
        rows: Any = hook.deliveries.select_related("event").prefetch_related("log")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)

    @extend_schema(
        request=None, responses={202: OpenApiResponse(DeliverySerializer, "On its way.")}
    )
    @action(detail=True, methods=["post"], url_path=r"deliveries/(?P<number>\d{1,18})/resend")
    def resend(self, request: Request, pk: str | None = None, number: str = "") -> Response:
        """Send one once more, with the same id. 409 while the webhook is disabled, or with the person erased."""
        rows = self.get_object().deliveries.select_related("event", "webhook")
        delivery = get_object_or_404(rows, pk=number)
        try:
            webhooks.resend(delivery=delivery)
        except WebhookError as error:
            raise Conflict(str(error)) from error
        delivery.refresh_from_db()
        return self._on_its_way(delivery)

    def _person(self) -> Any:
        """Who calls; the permission has refused strangers."""
        return self.request.user

    def _on_its_way(self, delivery: WebhookDelivery) -> Response:
        send_after_commit([delivery])
        return Response(DeliverySerializer(delivery).data, 202)
