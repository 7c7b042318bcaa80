"""ONNX graphs, opened on fixed threads, and rewritten so that they run faster and compute the same.

The detector and the embedder come with block-quantised weights, which ONNX Runtime does not execute, and with PRelu,
which it executes slowly and outside of its blocked layout: in SFace that costs more than all convolutions together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

Weights = dict[str, NDArray[Any]]

# Where one output channel costs fewer multiplications than this, running a convolution twice is the cheapest PRelu.
_CHEAP = 32


class GraphError(ValueError):
    """The bytes are no network that can be run."""


def open_session(model: bytes, threads: int = 1) -> ort.InferenceSession:
    """An ONNX Runtime session on ``threads`` cores. Raises GraphError when the bytes are no usable network.

    Fixed threads and no spinning: ONNX Runtime ignores OMP variables and would burn a core per session.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise GraphError(f"The network cannot be loaded: {error}") from error


def rewritten(model: bytes, free_size: bool = False) -> bytes:
    """The same network in float32 without block-quantised weights and without PRelu.

    free_size: whether it may take pictures of any height and width, (1, 3, H, W). Raises GraphError.
    """
    try:
        source = onnx.load_model_from_string(model)
        nodes, weights = _dequantised(source.graph)
        nodes = _without_prelu(_folded(nodes, weights), weights)
        return _model(source, nodes, weights, free_size).SerializeToString()
    except Exception as error:
        raise GraphError(f"The network cannot be read: {error}") from error


def with_joined_heads(model: bytes, heads: Mapping[str, Sequence[str]]) -> bytes:
    """The same network with fewer outputs: each name in ``heads`` replaces those that it stands for.

    Each of those must be a pointwise and a depthwise convolution of the same features, then at most Transpose, Reshape
    and Sigmoid, which are left to the caller: the new output is (1, C, H, W) float32, their channels in their order.
    Narrow convolutions beside each other cost as much apiece as one that is wide. Raises GraphError.
    """
    try:
        source = onnx.load_model_from_string(model)
        weights = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in source.graph.initializer
        }
        makers = {node.output[0]: node for node in source.graph.node}
        nodes = list(source.graph.node)
        for name, outputs in heads.items():
            nodes += _joined(
                name, [_last_convolution(out, makers) for out in outputs], makers, weights
            )
        del source.graph.output[:]
        source.graph.output.extend(
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in heads
        )
        return _model(source, _needed(nodes, heads), weights, False).SerializeToString()
    except Exception as error:
        raise GraphError(f"The network has no such heads: {error!r}") from error


def _last_convolution(output: str, makers: Mapping[str, NodeProto]) -> NodeProto:
    node = makers[output]
    while node.op_type in ("Sigmoid", "Reshape", "Transpose"):
        node = makers[node.input[0]]
    return node


def _joined(
    name: str, ends: Sequence[NodeProto], makers: Mapping[str, NodeProto], weights: Weights
) -> list[NodeProto]:
    """Pairs of a pointwise and a depthwise convolution, ``ends``, as one pair that gives ``name``."""
    starts = [makers[end.input[0]] for end in ends]
    kinds = {node.op_type for node in (*starts, *ends)}
    if kinds != {"Conv"} or len({start.input[0] for start in starts}) != 1:
        raise GraphError(f"{name} does not come from convolutions of the same features.")
    pair: list[NodeProto] = []
    for step, (convs, out) in enumerate(((starts, f"{name}_wide"), (ends, name))):
        kernels, biases = zip(*(_convolution(conv, weights) for conv in convs), strict=True)
        wide = _copy(convs[0], weights, np.concatenate(kernels), np.concatenate(biases), out)
        if step:
            wide.input[0] = pair[0].output[0]
            (group,) = [item for item in wide.attribute if item.name == "group"]
            group.i = sum(map(len, kernels))
        pair.append(wide)
    return pair


def _needed(nodes: Sequence[NodeProto], outputs: Iterable[str]) -> list[NodeProto]:
    """Those nodes without which ``outputs`` could not be computed, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _dequantised(graph: onnx.GraphProto) -> tuple[list[NodeProto], Weights]:
    """Nodes that compute on the picture, and all constants as they are after dequantising and reshaping."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    same: dict[str, str] = {}
    nodes = []
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)
        if node.op_type == "DequantizeLinear" and node.input[0] in weights:
            weights[node.output[0]] = _floats(*(weights[name] for name in node.input), node=node)
        elif node.op_type == "Reshape" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]].reshape(weights[node.input[1]])
        elif node.op_type == "Dropout":
            same[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    return nodes, weights


def _floats(
    quantised: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], *, node: NodeProto
) -> NDArray[np.float32]:
    """(q - zero) * scale, each scale for one block along the node's axis."""
    given = {item.name: item.i for item in node.attribute}
    axis, block = given.get("axis", 1), given.get("block_size", 0)
    if scale.size > 1 and block:
        scale, zero = (np.repeat(part, block, axis=axis) for part in (scale, zero))
        whole = tuple(slice(0, length) for length in quantised.shape)
        scale, zero = scale[whole], zero[whole]
    elif scale.size > 1:
        shape = [-1 if place == axis else 1 for place in range(quantised.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    floats = (quantised.astype(np.float32) - zero.astype(np.float32)) * scale
    return np.asarray(floats, dtype=np.float32)


def _folded(nodes: Sequence[NodeProto], weights: Weights) -> list[NodeProto]:
    """Every batch normalisation that follows a convolution alone becomes part of it."""
    used = Counter(name for node in nodes for name in node.input)
    makers = {node.output[0]: node for node in nodes}
    kept = []
    for node in nodes:
        before = makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if before is None or before.op_type != "Conv" or used[node.input[0]] != 1:
            kept.append(node)
            continue
        gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in node.input[1:])
        scale = gamma / np.sqrt(variance + _attributes(node).get("epsilon", 1e-5))
        kernel, bias = _convolution(before, weights)
        _replace(before, weights, kernel * _wide(scale), (bias - mean) * scale + beta)
        before.output[0] = node.output[0]
    return kept


def _without_prelu(nodes: Sequence[NodeProto], weights: Weights) -> list[NodeProto]:
    """PRelu after a convolution as convolutions, additions and Relu, which stay in the blocked layout.

    prelu(y) = a·y + (1 - a)·relu(y), and (1 - a)·relu(y) = ±relu(|1 - a|·y): two convolutions whose channels are scaled,
    one of them with a fused Relu, and a fused sum.
    """
    used = Counter(name for node in nodes for name in node.input)
    makers = {node.output[0]: node for node in nodes if node.op_type == "Conv"}
    replaced: dict[str, list[NodeProto]] = {}
    for node in nodes:
        before = makers.get(node.input[0]) if node.op_type == "PRelu" else None
        if before is not None and used[node.input[0]] == 1 and node.input[1] in weights:
            replaced[before.output[0]] = []
            replaced[node.output[0]] = _split(before, node, weights)
    return [new for node in nodes for new in replaced.get(node.output[0], [node])]


def _split(conv: NodeProto, prelu: NodeProto, weights: Weights) -> list[NodeProto]:
    kernel, bias = _convolution(conv, weights)
    slope = np.broadcast_to(
        weights[prelu.input[1]].astype(np.float64).reshape(-1), len(kernel)
    ).copy()
    first = []
    if kernel[0].size >= _CHEAP:
        first = [conv]
        conv = _scaling(conv.output[0], len(kernel))
        kernel, bias = np.ones((len(kernel), 1, 1, 1)), np.zeros(len(kernel))
    name, out = prelu.output[0], prelu.output[0]
    linear = _copy(conv, weights, kernel * _wide(slope), bias * slope, f"{name}_a")
    rest = np.abs(1 - slope)
    bent = _copy(conv, weights, kernel * _wide(rest), bias * rest, f"{name}_b")
    nodes = [linear, bent, helper.make_node("Relu", [f"{name}_b"], [f"{name}_r"])]
    positive = f"{name}_r"
    if (slope > 1).any():
        sign = _scaling(positive, len(kernel))
        ones = np.where(slope > 1, -1.0, 1.0).reshape(-1, 1, 1, 1)
        nodes.append(_copy(sign, weights, ones, np.zeros(len(ones)), f"{name}_s"))
        positive = f"{name}_s"
    return [*first, *nodes, helper.make_node("Add", [f"{name}_a", positive], [out])]


def _scaling(source: str, channels: int) -> NodeProto:
    """A convolution that only scales each channel."""
    return helper.make_node("Conv", [source, "", ""], [""], kernel_shape=[1, 1], group=channels)


def _copy(
    conv: NodeProto, weights: Weights, kernel: NDArray[Any], bias: NDArray[Any], out: str
) -> NodeProto:
    copy = helper.make_node("Conv", [conv.input[0], "", ""], [out])
    copy.attribute.extend(conv.attribute)
    _replace(copy, weights, kernel, bias)
    return copy


def _convolution(
    conv: NodeProto, weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    kernel = weights[conv.input[1]].astype(np.float64)
    bias = weights[conv.input[2]] if len(conv.input) > 2 else np.zeros(len(kernel))
    return kernel, bias.astype(np.float64)


def _replace(conv: NodeProto, weights: Weights, kernel: NDArray[Any], bias: NDArray[Any]) -> None:
    """Give a convolution constants of its own."""
    names = [f"{conv.output[0]}_{part}" for part in ("kernel", "bias")]
    for name, value in zip(names, (kernel, bias), strict=True):
        weights[name] = np.ascontiguousarray(value, dtype=np.float32)
    source = conv.input[0]
    del conv.input[:]
    conv.input.extend([source, *names])


def _wide(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    return channels.reshape(-1, 1, 1, 1)


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _model(
    source: onnx.ModelProto, nodes: list[NodeProto], weights: Weights, free_size: bool
) -> onnx.ModelProto:
    used = {name for node in nodes for name in node.input}
    constants = [numpy_helper.from_array(weights[name], name) for name in weights if name in used]
    (picture,) = [v for v in source.graph.input if v.name in used and v.name not in weights]
    outputs = list(source.graph.output)
    if free_size:
        for place, side in ((2, "height"), (3, "width")):
            picture.type.tensor_type.shape.dim[place].dim_param = side
        for output in outputs:
            output.type.tensor_type.ClearField("shape")
    graph = helper.make_graph(nodes, "rewritten", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=list(source.opset_import))
    model.ir_version = source.ir_version
    return model
