"""Drift as JSON: the comparison now, the kept daily reports, and the way to begin a new reference period."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from liveness import drift, drift_watch
from liveness.api import Conflict, MayReview
from liveness.models import DriftReport


class MayPromote(BasePermission):
    """A new reference silences the alarm, so it takes the permission to promote a model."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.has_perm("liveness.promote_model"))


class DaysSerializer(serializers.Serializer):
    days: Any = serializers.IntegerField(min_value=1, max_value=3650, required=False)


class SinceSerializer(serializers.Serializer):
    since: Any = serializers.DateTimeField()


class DriftReportSerializer(serializers.ModelSerializer):
    class Meta:
        model = DriftReport
        fields = ["day", "created", "told", "data"]
        read_only_fields = fields


class DriftView(APIView):
    """GET: every measure of the last ``days`` against the reference period."""

    permission_classes = [MayReview]
    scope = "drift"

    @extend_schema(parameters=[DaysSerializer], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        fields = DaysSerializer(data=request.query_params)
        fields.is_valid(raise_exception=True)
        return Response(drift.report(fields.validated_data.get("days")).as_dict())


class DriftReportsView(ListAPIView[DriftReport]):
    """GET: the daily reports, the newest first."""

    permission_classes = [MayReview]
    scope = "drift"
    serializer_class = DriftReportSerializer
    queryset = DriftReport.objects.all()


class DriftReferenceView(APIView):
    """POST: what comes from now on is the new normal."""

    permission_classes = [MayReview, MayPromote]
    scope = "drift"

    @extend_schema(request=None, responses={201: SinceSerializer})
    def post(self, request: Request) -> Response:
        try:
            by: Any = request.user
            row = drift_watch.begin_reference(by=by)
        except LookupError as error:
            raise Conflict(str(error)) from error
        return Response({"since": row.since.isoformat()}, status.HTTP_201_CREATED)
