"""What all fitted networks share: weights as arrays, from which they are built again on whatever device is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crosstask.neural._design import NetDesign, State, from_arrays, to_arrays
from crosstask.neural._torch import pick_device, require_torch
from crosstask.neural._weights import PackedWeights, pack

if TYPE_CHECKING:
    from crosstask.neural._network import Network


Array = NDArray[np.float64]


class RebuiltNet:
    """Base of the networks: the live network travels neither into a copy nor into a file."""

    device: str
    input_shape_: tuple[int, ...] | None
    design_: NetDesign
    state_: State

    def _keep(self, net: Network) -> None:
        self.state_, self._net = to_arrays(net), net

    def _trunk_module(self) -> Any:
        """Return the caller's trunk, where ``design_`` says that there is one."""
        raise NotImplementedError

    def _units(self) -> tuple[Array, Array]:
        """Return by what the answers of each head are multiplied, and what is added."""
        raise NotImplementedError

    def _network(self) -> Network:
        """Return the network; after loading it is built from the design and the weights."""
        if "_net" not in self.__dict__:
            require_torch(type(self).__name__)
            import torch

            from crosstask.neural._network import build_network

            with torch.random.fork_rng(devices=[]):
                sample = torch.zeros((3, *(self.input_shape_ or (self.design_.n_numbers,))))
                net = build_network(self.design_, module=self._trunk_module(), sample=sample)
            from_arrays(net, self.state_)
            self._net = net.to(pick_device(self.device))
        return self._net

    def __getstate__(self) -> dict[str, Any]:
        """Leave the network out, and pack its weights."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[misc]
        kept = {name: value for name, value in state.items() if name != "_net"}
        return {**kept, "state_": pack(kept["state_"])} if "state_" in kept else kept

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed = state.get("state_")
        if isinstance(packed, PackedWeights):
            state = {**state, "state_": packed.unpack()}
        super().__setstate__(state)  # type: ignore[misc]


def seed_of(random_state: Any) -> int:
    """Return a seed; None means 0, so that the same call gives the same network."""
    from sklearn.utils import check_random_state

    return int(check_random_state(0 if random_state is None else random_state).randint(np.iinfo(np.int32).max))
