"""The gate as JSON: benchmarks, reports, and the way to send a model through."""

from pathlib import Path
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from liveness.model_api import DetailSerializer, MayManage
from liveness.models import ModelVersion
from training import benchmarks, datasets, tasks_gate
from training.models import Benchmark, GateReport


class NoWorker(APIException):
    status_code = 503
    default_detail = "No worker can be reached; run manage.py models gate instead."
    default_code = "no_worker"


class BenchmarkSerializer(serializers.ModelSerializer):
    """``manifest`` is the name of a registered data set: nobody types a path into a browser."""

    by: Any = serializers.StringRelatedField(allow_null=True)
    data: Any = serializers.CharField(write_only=True)
    split: Any = serializers.CharField(required=False, default="", allow_blank=True)

    class Meta:
        model = Benchmark
        fields = ["id", "name", "data", "split", "digest", "counts", "created", "by"]
        read_only_fields = ["digest", "counts", "created"]

    def validate_data(self, name: str) -> Path:
        found = datasets.registered().get(name)
        if found is None:
            raise serializers.ValidationError("There is no data set of this name.")
        return found

    def create(self, validated_data: dict[str, Any]) -> Benchmark:
        manifest, request = validated_data.pop("data"), self.context["request"]
        try:
            return benchmarks.freeze(manifest=manifest, by=request.user, **validated_data)
        except benchmarks.BenchmarkError as error:
            raise serializers.ValidationError({"data": [str(error)]}) from error


class ReportSerializer(serializers.ModelSerializer):
    by: Any = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = GateReport
        fields = ["id", "model", "candidate", "champion", "passed", "reasons", "report", "created"]
        fields += ["by"]
        read_only_fields = fields


class JudgeSerializer(serializers.Serializer):
    model: Any = serializers.IntegerField()


class BenchmarksView(ListCreateAPIView[Benchmark]):
    """GET: the frozen benchmarks; POST: freeze a registered data set."""

    permission_classes = [MayManage]
    scope = "models"
    serializer_class = BenchmarkSerializer
    queryset = Benchmark.objects.select_related("by").defer("files")


class ReportView(RetrieveAPIView[GateReport]):
    """GET: one report with every figure."""

    permission_classes = [MayManage]
    scope = "models"
    serializer_class = ReportSerializer
    queryset = GateReport.objects.defer("plot")


class JudgeView(APIView):
    """POST {"model": id}: send a model through the gate, on a worker. 202, or 503 without one."""

    permission_classes = [MayManage]
    scope = "models"

    @extend_schema(request=JudgeSerializer, responses={202: DetailSerializer})
    def post(self, request: Request) -> Response:
        fields = JudgeSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        model = get_object_or_404(ModelVersion, pk=fields.validated_data["model"])
        if not tasks_gate.enqueue(model.pk, request.user.pk):
            raise NoWorker
        return Response({"detail": f"{model.name} is on its way through the gate."}, 202)
