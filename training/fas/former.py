"""Learning without forgetting: the network that a run goes on from as the teacher of what it knew.

A run that learns a new camera sees few of the old ones' frames and none of what once taught them. So the network as it
was says of every old camera's picture what it thinks, and that is part of what the new one learns (Li and Hoiem,
"Learning without Forgetting", 2016). It is not asked about a camera that it has never seen, nor where it is wrong.
"""

from collections.abc import Sequence

import numpy as np
import torch

from liveness.engine.crops import Box, CropSpec, Patches, patches, tensor
from liveness.engine.frames import Picture
from training.fas.blend import Blend
from training.fas.nets import NetSpec, TrainingNet
from training.fas.starts import Start
from training.fas.teachers import Opinions


class Former:
    """A ``Teachers`` of one: the weights of ``start``, judging the student's own patches."""

    names = ("before",)
    weights = (Blend.temperature,)
    """Its opinion counts as it is: the one network is no more sure than the other should be."""

    def __init__(self, start: Start, net: NetSpec, crop: CropSpec) -> None:
        self.knows = frozenset(start.domains)
        self._crop = crop
        whole = TrainingNet(net)
        start.put_into(whole)
        self._net = whole.net.eval()

    def cut(self, picture: Picture, box: Box) -> tuple[Patches, ...]:
        """What the network takes of a frame: all of its patches (P, S, S, 3) as one."""
        return (patches(picture, box, self._crop),)

    def opinions(self, faces: Sequence[tuple[Patches, ...]]) -> Opinions:
        """Logits for live (N, 1)."""
        inputs = torch.from_numpy(tensor(np.stack([face[0] for face in faces]), self._crop))
        with torch.inference_mode():
            logits = self._net(inputs)
        return (logits[:, 1:] - logits[:, :1]).float().numpy()
