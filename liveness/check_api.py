"""Stateless checks for programs: a burst of pictures of one person, and whether two pictures show the same one."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from liveness import runtime
from liveness.api import CheckedSerializer, CheckThrottle, MayReview, Unavailable, Unreadable
from liveness.engine import checking
from liveness.engine.frames import FILE_LIMITS
from liveness.models import Attempt

_MOST = 20


class PictureField(serializers.FileField):
    """An uploaded picture, as bytes: at most 40 MB."""

    def to_internal_value(self, data: Any) -> Any:
        upload = super().to_internal_value(data)
        if upload.size > FILE_LIMITS.max_bytes:
            raise serializers.ValidationError("The image is too large.", "too_many_bytes")
        return upload.read()


class BurstSerializer(serializers.Serializer):
    images: Any = serializers.ListField(
        child=PictureField(allow_empty_file=True), min_length=2, max_length=_MOST
    )


class BurstAnswer(serializers.Serializer):
    """pooled: p_live over all judged pictures, 0–1; pictures: each on its own, in the order they came."""

    verdict: Any = serializers.ChoiceField(["live", "spoof", "abstain"])
    reason: Any = serializers.CharField(allow_null=True)
    pooled: Any = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    judged: Any = serializers.IntegerField(min_value=0)
    pictures: Any = CheckedSerializer(many=True)
    model: Any = serializers.CharField()


class PairSerializer(serializers.Serializer):
    """probe: the person now, who has to be live; reference: a picture such as that of a passport."""

    probe: Any = PictureField(allow_empty_file=True)
    reference: Any = PictureField(allow_empty_file=True)


class PairAnswer(serializers.Serializer):
    """match and similarity (cosine, -1–1) are null where the probe is not live or the reference shows no face."""

    match: Any = serializers.BooleanField(allow_null=True)
    similarity: Any = serializers.FloatField(min_value=-1, max_value=1, allow_null=True)
    threshold: Any = serializers.FloatField()
    reason: Any = serializers.CharField(allow_null=True)
    probe: Any = CheckedSerializer()


class BurstView(APIView):
    """POST pictures of one person, taken within seconds, and get one verdict. Nothing is stored."""

    permission_classes = [MayReview]
    throttle_classes = [CheckThrottle]
    scope = "checks"

    @extend_schema(request={"multipart/form-data": BurstSerializer}, responses=BurstAnswer)
    def post(self, request: Request) -> Response:
        fields = BurstSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        rules = runtime.rules_for(Attempt.Purpose.SIGNIN)
        engine, burst = _judged(checking.check_burst, fields.validated_data["images"], rules)
        for number, picture in enumerate(burst.pictures):
            _refuse_unreadable(picture, f"images.{number}")
        return Response({**burst.as_dict(), "model": engine.model.bundle.name})


class PairView(APIView):
    """POST two pictures: is the living person in ``probe`` the one in ``reference``? Nothing is stored.

    The pictures are compared only once the probe was judged live.
    """

    permission_classes = [MayReview]
    throttle_classes = [CheckThrottle]
    scope = "checks"

    @extend_schema(request={"multipart/form-data": PairSerializer}, responses=PairAnswer)
    def post(self, request: Request) -> Response:
        fields = PairSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        given, least = fields.validated_data, settings.FACE_MATCH_THRESHOLD
        engine, pair = _judged(checking.check_pair, given["probe"], given["reference"])
        _refuse_unreadable(pair.probe, "probe")
        if pair.fault:
            raise Unreadable(pair.fault, "reference")
        match = None if pair.similarity is None else pair.similarity >= least
        probe = {**pair.probe.as_dict(), "model": engine.model.bundle.name}
        similarity = None if pair.similarity is None else round(pair.similarity, 4)
        return Response(
            {
                "match": match,
                "similarity": similarity,
                "threshold": least,
                "reason": pair.reason or None,
                "probe": probe,
            }
        )


def _judged(work: Any, *args: Any) -> tuple[Any, Any]:
    try:
        _, engine = runtime.get_engine()
        return engine, runtime.run_now(work, engine, *args)
    except (runtime.EngineUnavailable, runtime.Busy) as error:
        raise Unavailable from error


def _refuse_unreadable(picture: checking.Check, field: str) -> None:
    if picture.verdict is checking.Outcome.ERROR:
        raise Unreadable(picture.reason, field)
