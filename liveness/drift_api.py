"""Drift as JSON: the comparison now, the kept daily reports, and the way to begin a new reference period."""

from typing import Any

from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from liveness import drift, drift_watch
from liveness.api import MayReview
from liveness.models import DriftReport


class MayPromote(BasePermission):
    """A new reference silences the alarm, so it takes the permission to promote a model."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.has_perm("liveness.promote_model"))


class DaysSerializer(serializers.Serializer):
    days: Any = serializers.IntegerField(min_value=1, max_value=3650, required=False)


class DriftReportSerializer(serializers.ModelSerializer):
    class Meta:
        model = DriftReport
        fields = ["day", "created", "told", "data"]
        read_only_fields = fields


class DriftView(APIView):
    """GET: every measure of the last ``days`` against the reference period."""

    permission_classes = [MayReview]

    def get(self, request: Request) -> Response:
        fields = DaysSerializer(data=request.query_params)
        fields.is_valid(raise_exception=True)
        return Response(drift.report(fields.validated_data.get("days")).as_dict())


class DriftReportsView(ListAPIView[DriftReport]):
    """GET: the daily reports, the newest first."""

    permission_classes = [MayReview]
    serializer_class = DriftReportSerializer
    queryset = DriftReport.objects.all()


class DriftReferenceView(APIView):
    """POST: what comes from now on is the new normal."""

    permission_classes = [MayReview, MayPromote]

    def post(self, request: Request) -> Response:
        try:
            by: Any = request.user
            row = drift_watch.begin_reference(by=by)
        except LookupError as error:
            return Response({"detail": str(error)}, status.HTTP_409_CONFLICT)
        return Response({"since": row.since.isoformat()}, status.HTTP_201_CREATED)
