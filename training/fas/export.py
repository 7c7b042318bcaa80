"""From a checkpoint to an INT8 ONNX file: strict load, folded float graph, static per-channel quantisation, parity.

Static quantisation with U8 activations and S8 weights between Q/DQ pairs is what ONNX Runtime turns into integer
kernels; weights keep to 7 bits because processors without VNNI would saturate at 8.
"""

import copy
import io
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from liveness.engine.bundle import AS_IS, Golden, Scoring
from liveness.engine.crops import Box, CropSpec, Patches, patches, tensor
from liveness.engine.fas import sided, softmax
from training.fas import rounding
from training.fas.data import CLASSES
from training.fas.nets import MiniFASNet, NetSpec, TrainingNet

OPSET = 17
INPUT, OUTPUT = "faces", "logits"
GOLDEN_TOLERANCE = 0.05
MAX_MEAN_DIFFERENCE = 0.05
_MOST_SEEN = 128
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
"""How the range of an activation is found from what calibration faces give."""
_LIVE = CLASSES.index("live")
_INTEGERS = ("Conv", "Clip", "Relu", "Add")
"""What becomes integers where maps are pooled. A deviation is no good integer, and what follows it costs nothing."""
_DEVIATION = "ReduceL2"


class ParityError(RuntimeError):
    """The exported network does not compute what the trained one computes."""


@dataclass(frozen=True)
class Parity:
    """INT8 against FP32 on the same faces: differences of p_live and the share of equal decisions."""

    faces: int
    mean: float
    worst: float
    agreement: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "faces": self.faces,
            "mean_difference": round(self.mean, 5),
            "largest_difference": round(self.worst, 5),
            "equal_decisions": round(self.agreement, 5),
        }


def load_network(saved: dict[str, Any]) -> MiniFASNet:
    """The averaged network of a checkpoint in evaluation mode, without its Fourier head; every key must fit."""
    whole = TrainingNet(NetSpec(**saved["net"]), saved.get("teachers", 0))
    whole.load_state_dict(saved["average"], strict=True)
    return whole.net.eval()


def folded(net: MiniFASNet) -> MiniFASNet:
    """A copy whose batch normalisations are folded into the layer before them; computes the same logits."""
    copied = copy.deepcopy(net).eval()
    if isinstance(copied.bn, nn.Identity):
        return copied
    for block in rounding.blocks(copied):
        block.conv = fuse_conv_bn_eval(block.conv, block.bn)
        block.bn = nn.Identity()
    if copied.pooled:
        copied.prob = _after(copied.bn, copied.prob)
    else:
        copied.linear = fuse_linear_bn_eval(copied.linear, copied.bn)
    copied.bn = nn.Identity()
    return copied


def rounded(
    net: MiniFASNet, faces: Patches, crop: CropSpec, reduce_range: bool = True
) -> MiniFASNet:
    """A folded copy whose convolutions have weights that ``quantise`` can keep, and that answers nearly as the network does, by
    at most 128 of the patches (N, P, S, S, 3) uint8 BGR.
    """
    some = faces[:: -(-len(faces) // _MOST_SEEN)]
    return rounding.rounded(folded(net), torch.from_numpy(tensor(some, crop)), reduce_range)


def _after(norm: nn.BatchNorm1d, linear: nn.Linear) -> nn.Linear:
    """One layer that computes what the linear one computes after the normalisation."""
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = norm.bias - norm.running_mean * gain
    made = nn.Linear(linear.in_features, linear.out_features)
    made.weight = nn.Parameter(linear.weight * gain)
    made.bias = nn.Parameter(linear.weight @ bias)
    return made.eval()


def to_onnx(net: MiniFASNet) -> bytes:
    """FP32 ONNX of a network, folded or not, with a fixed batch of 1: faces (1, 3·P, S, S) float32 → logits (1, C) float32.

    Raises ParityError when ONNX Runtime and torch disagree by more than 1e-3 on random input.
    """
    spec = net.spec
    example = torch.rand(1, 3 * spec.patches, spec.size, spec.size)
    file = io.BytesIO()
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, torch.jit.TracerWarning):
            warnings.simplefilter("ignore", kind)
        torch.onnx.export(
            folded(net),
            (example,),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    data = file.getvalue()
    with torch.inference_mode():
        expected = net.eval()(example).numpy()
    drift = float(np.abs(run(data, example.numpy()) - expected).max())
    if not drift <= 1e-3:
        raise ParityError(f"The exported logits differ from the trained network's by {drift:.4f}.")
    return data


def quantise(
    model: bytes,
    faces: Patches,
    crop: CropSpec,
    method: str = "minmax",
    reduce_range: bool = True,
) -> bytes:
    """Static INT8 of an FP32 graph, calibrated on patches (N, P, S, S, 3) uint8 BGR of training cameras.

    method: one of METHODS, how activation ranges are found; reduce_range: weights of 7 bits, for processors without VNNI.
    Raises ParityError for an unknown method.
    """
    if method not in METHODS:
        raise ParityError(f"Calibration is one of {', '.join(METHODS)}, not {method!r}.")
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, target = (Path(folder) / f"{name}.onnx" for name in ("f", "p", "q"))
        source.write_bytes(model)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _Reader(faces, crop),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[method],
            op_types_to_quantize=list(_INTEGERS) if _pools(source) else None,
        )
        quantised = shortened(onnx.load(target))
    onnx.checker.check_model(quantised)
    return quantised.SerializeToString()


def _pools(path: Path) -> bool:
    return any(node.op_type == _DEVIATION for node in onnx.load(path).graph.node)


def shortened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph without what serving never reads: long tensor names alone are a sixth of a small INT8 file."""
    graph = model.graph
    fixed = {value.name for value in (*graph.input, *graph.output)} | {""}
    short: dict[str, str] = {}
    for node in graph.node:
        node.ClearField("name")
        for names in (node.input, node.output):
            names[:] = [n if n in fixed else short.setdefault(n, f"{len(short):x}") for n in names]
    for tensor_proto in graph.initializer:
        tensor_proto.name = short[tensor_proto.name]
    graph.ClearField("value_info")
    model.ClearField("metadata_props")
    return model


def run(model: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (N, C) of a fixed-batch-1 graph for inputs (N, 3·P, S, S), one by one as serving does."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    rows = [session.run(None, {INPUT: row[None]})[0][0] for row in inputs]
    return np.asarray(rows, dtype=np.float32)


def p_live(
    model: bytes, faces: Patches, crop: CropSpec, scoring: Scoring = AS_IS
) -> NDArray[np.float32]:
    """p_live (N,) of patches (N, P, S, S, 3) uint8 BGR, with left and right as ``scoring`` says."""
    return softmax(sided(lambda inputs: run(model, inputs), faces, crop, scoring))[:, _LIVE]


def parity(int8: NDArray[np.float64], fp32: NDArray[np.float64], threshold: float) -> Parity:
    """Compare p_live (N,) of both precisions at the decision threshold.

    Raises ParityError without faces, or when they differ by more than MAX_MEAN_DIFFERENCE in the mean.
    """
    if not len(int8):
        raise ParityError("There is no face to compare INT8 and FP32 on.")
    gap = np.abs(int8 - fp32)
    same = (int8 >= threshold) == (fp32 >= threshold)
    found = Parity(len(gap), float(gap.mean()), float(gap.max()), float(same.mean()))
    if found.mean > MAX_MEAN_DIFFERENCE:
        raise ParityError(f"INT8 scores differ from FP32 by {found.mean:.3f} in the mean.")
    return found


def golden(
    model: bytes,
    crop: CropSpec,
    seed: int = 0,
    count: int = 6,
    scoring: Scoring = AS_IS,
) -> Golden:
    """Golden vectors from generated pictures, never from people: ``count`` that span the range of scores."""
    faces = np.stack(list(_generated(crop, seed, 4 * count)))
    scores = p_live(model, faces, crop, scoring)
    chosen = np.argsort(scores)[np.linspace(0, len(scores) - 1, count).round().astype(int)]
    return Golden(faces[chosen], scores[chosen], GOLDEN_TOLERANCE)


def generated_picture(rng: np.random.Generator, side: int = 320) -> NDArray[np.uint8]:
    """A picture of nobody (side, side, 3) uint8 BGR: soft colours, an oval and some grain."""
    coarse = torch.from_numpy(rng.random((1, 3, 6, 6), dtype=np.float32))
    soft = nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")[0].numpy()
    ys, xs = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    oval = ((xs / 0.33) ** 2 + (ys / 0.45) ** 2 < 1)[None] * rng.random((3, 1, 1))
    grain = rng.normal(0, rng.uniform(0, 0.08), (3, side, side))
    mixed = (0.7 * soft + 0.4 * oval + grain).transpose(1, 2, 0)
    return np.clip(mixed * 255, 0, 255).astype(np.uint8)


def _generated(crop: CropSpec, seed: int, count: int) -> Iterator[Patches]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        picture = generated_picture(rng)
        side = float(rng.uniform(80, 160))
        yield patches(picture, Box(160 - side / 2, 160 - side / 2, side, side), crop)


class _Reader(CalibrationDataReader):
    """Feeds calibration faces to the quantiser one by one."""

    def __init__(self, faces: Patches, crop: CropSpec) -> None:
        self._rows = iter([tensor(face[None], crop) for face in faces])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        row = next(self._rows, None)
        return None if row is None else {INPUT: row}
