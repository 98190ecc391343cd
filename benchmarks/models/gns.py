"""A graph network simulator: edges and nodes exchange messages for many steps (arXiv 2002.09405).

The sizes are ours: latents as in GraphCast (arXiv 2212.12794), more steps and deeper perceptrons, a million edges.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.models.layers import dense, init_dense, init_norm, layer_norm, mean_square
from autopart.benchmarks.models.presets import check_positive, configure
from autopart.benchmarks.models.training import Tree, training_step
from autopart.program.step import Step

MLP_LAYERS = 4
"""Dense layers of a perceptron; SiLU stands between them."""

OUTPUTS = 3
"""Components of the acceleration that is predicted of a node."""


@dataclass(frozen=True)
class GnsConfig:
    """Sizes of the model and of its graphs.

    Attributes:
        steps: steps of message passing, each with weights of its own.
        latent: features of a node and of an edge between steps.
        hidden: features inside the perceptrons.
        node_features: what is told of a node.
        edge_features: what is told of an edge.
        graphs: graphs a step.
        nodes: nodes of a graph.
        edges: edges of a graph.
        remat: recompute each step of message passing in the backward pass rather than keep its activations.
        compute_dtype: dtype of activations; parameters, optimizer state, norms and loss are float32.

    Raises:
        ValueError: a size is below 1.
    """

    steps: int = 24
    latent: int = 512
    hidden: int = 1024
    node_features: int = 64
    edge_features: int = 16
    graphs: int = 16
    nodes: int = 2048
    edges: int = 65536
    remat: bool = True
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        sizes = ("steps", "latent", "hidden", "node_features", "edge_features", "graphs", "nodes", "edges")
        check_positive(self, sizes)


PRESETS: Final = MappingProxyType(
    {
        "full": GnsConfig(),
        "tiny": GnsConfig(
            steps=2,
            latent=32,
            hidden=64,
            node_features=16,
            edge_features=8,
            graphs=8,
            nodes=16,
            edges=64,
            compute_dtype="float32",
        ),
    }
)
"""Configurations by name."""


def init_params(config: GnsConfig, key: jax.Array) -> Tree:
    """Draws ``{"encode": {"nodes", "edges"}, "process": [{"edges", "nodes"}, ...], "decode"}``, float32.

    Each leaf of these is a perceptron: ``in`` has a matrix ``w`` (features, hidden) for each thing that it reads, by
    name, ``b`` their common bias, ``layers`` are dense layers, and ``norm`` (not in ``decode``) comes last.
    """
    for_nodes, for_edges, for_decode, *for_steps = jax.random.split(key, config.steps + 3)
    latent = config.latent
    return {
        "encode": {
            "nodes": _init_mlp(config, for_nodes, {"nodes": config.node_features}, latent),
            "edges": _init_mlp(config, for_edges, {"edges": config.edge_features}, latent),
        },
        "process": [_init_process(config, step_key) for step_key in for_steps],
        "decode": _init_mlp(config, for_decode, {"nodes": latent}, OUTPUTS, norm=False),
    }


def _init_process(config: GnsConfig, key: jax.Array) -> Tree:
    latent = config.latent
    for_edges, for_nodes = jax.random.split(key)
    return {
        "edges": _init_mlp(config, for_edges, dict.fromkeys(("edges", "senders", "receivers"), latent), latent),
        "nodes": _init_mlp(config, for_nodes, dict.fromkeys(("nodes", "messages"), latent), latent),
    }


def _init_mlp(config: GnsConfig, key: jax.Array, reads: Mapping[str, int], after: int, norm: bool = True) -> Tree:
    keys = iter(jax.random.split(key, len(reads) + MLP_LAYERS))
    scale = sum(reads.values()) ** -0.5
    widths = [*[config.hidden] * (MLP_LAYERS - 1), after]
    weights = {
        "in": {
            name: {"w": scale * jax.random.normal(next(keys), (width, config.hidden))} for name, width in reads.items()
        },
        "b": jnp.zeros((config.hidden,)),
        "layers": [init_dense(next(keys), *pair) for pair in itertools.pairwise(widths)],
    }
    return {**weights, "norm": init_norm(after)} if norm else weights


def _mlp(weights: Tree, first: jax.Array, *others: jax.Array) -> jax.Array:
    """Returns the perceptron of what it reads side by side: (..., features); arguments are made by `_read`.

    The product of a matrix with things side by side is the sum of its products with each. So what is read
    through an index is multiplied first and indexed then: there are fewer nodes than edges.
    """
    x = sum(others, start=first) + weights["b"].astype(first.dtype)
    for layer in weights["layers"]:
        x = dense(layer, jax.nn.silu(x))
    return layer_norm(weights["norm"], x) if "norm" in weights else x


def _read(weights: Tree, name: str, x: jax.Array) -> jax.Array:
    """Returns what the perceptron makes of one of the things that it reads, (..., features) to (..., hidden)."""
    product: jax.Array = x @ weights["in"][name]["w"].astype(x.dtype)
    return product


def _at(nodes: jax.Array, index: jax.Array) -> jax.Array:
    """Returns the rows of `nodes` (graphs, nodes, features) at `index` int32 (graphs, edges), by graph."""
    found: jax.Array = jax.vmap(lambda rows, places: rows[places])(nodes, index)
    return found


def _sum_at(messages: jax.Array, index: jax.Array, nodes: int) -> jax.Array:
    """Returns the sums of `messages` (graphs, edges, features) by node: (graphs, nodes, features)."""

    def of_graph(rows: jax.Array, places: jax.Array) -> jax.Array:
        return jax.ops.segment_sum(rows, places, num_segments=nodes)

    sums: jax.Array = jax.vmap(of_graph)(messages, index)
    return sums


def _process(weights: Tree, nodes: jax.Array, edges: jax.Array, batch: Tree) -> tuple[jax.Array, jax.Array]:
    """Returns nodes and edges after one step of message passing, each added to what it was."""
    of_edges, of_nodes = weights["edges"], weights["nodes"]
    messages = _mlp(
        of_edges,
        _read(of_edges, "edges", edges),
        _at(_read(of_edges, "senders", nodes), batch["senders"]),
        _at(_read(of_edges, "receivers", nodes), batch["receivers"]),
    )
    received = _sum_at(messages, batch["receivers"], nodes.shape[1])
    change = _mlp(of_nodes, _read(of_nodes, "nodes", nodes), _read(of_nodes, "messages", received))
    return nodes + change, edges + messages


def predict(config: GnsConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns what is predicted of the nodes of a batch: (graphs, nodes, 3)."""
    dtype, encode = config.compute_dtype, params["encode"]
    nodes = _mlp(encode["nodes"], _read(encode["nodes"], "nodes", batch["nodes"].astype(dtype)))
    edges = _mlp(encode["edges"], _read(encode["edges"], "edges", batch["edges"].astype(dtype)))
    process = jax.checkpoint(_process) if config.remat else _process
    ends = {"senders": batch["senders"], "receivers": batch["receivers"]}
    for weights in params["process"]:
        nodes, edges = process(weights, nodes, edges, ends)
    return _mlp(params["decode"], _read(params["decode"], "nodes", nodes))


def loss(config: GnsConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean squared error of the prediction, a float32 scalar."""
    return mean_square(predict(config, params, batch).astype(jnp.float32) - batch["targets"])


def draw_batch(config: GnsConfig, key: jax.Array) -> Tree:
    """Draws ``{"nodes", "edges", "senders", "receivers", "targets"}`` of random graphs.

    Shapes: ``nodes`` (graphs, nodes, node_features), ``edges`` (graphs, edges, edge_features), ``senders`` and
    ``receivers`` int32 (graphs, edges), ``targets`` (graphs, nodes, 3): a smooth function of each node.
    """
    for_nodes, for_edges, for_senders, for_receivers = jax.random.split(key, 4)
    nodes = jax.random.normal(for_nodes, (config.graphs, config.nodes, config.node_features))
    edges = jax.random.normal(for_edges, (config.graphs, config.edges, config.edge_features))
    ends = [
        jax.random.randint(end_key, (config.graphs, config.edges), 0, config.nodes, dtype=jnp.int32)
        for end_key in (for_senders, for_receivers)
    ]
    thirds = jnp.stack([jnp.mean(nodes[..., part::OUTPUTS], axis=2) for part in range(OUTPUTS)], axis=2)
    return {"nodes": nodes, "edges": edges, "senders": ends[0], "receivers": ends[1], "targets": jnp.tanh(thirds)}


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override fields of `GnsConfig`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    config = configure(PRESETS, preset, overrides)
    return training_step(
        init=lambda key: init_params(config, key),
        loss=lambda params, batch: loss(config, params, batch),
        draw_batch=lambda key: draw_batch(config, key),
    )
