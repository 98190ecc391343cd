"""Users of ``jax.numpy.linalg``, ``jax.scipy`` and ``jax.numpy.fft``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy as jsp
import optax

from tests.third_party.optimise import training_step
from tests.third_party.proof import Program, program


def gaussian_process() -> Program:
    """Marginal likelihoods of a batch of small Gaussian processes with a learned kernel, and a step along them."""
    x = jax.random.normal(jax.random.key(0), (8, 6, 4))
    y = jnp.sin(x.sum(-1))
    params = {"project": jax.random.normal(jax.random.key(1), (4, 8)) * 0.3, "noise": jnp.float32(0.5)}
    optimizer = optax.adamax(1e-2)

    def loss(params: Any, x: Any, y: Any) -> Any:
        z = x @ params["project"]
        gram = jnp.einsum("bid,bjd->bij", z, z) + (1.0 + params["noise"] ** 2) * jnp.eye(6)
        factor = jsp.linalg.cho_factor(gram, lower=True)
        fit = jnp.einsum("bi,bi->b", y, jax.vmap(lambda f, t: jsp.linalg.cho_solve((f, True), t))(factor[0], y))
        logdet = jnp.log(jnp.diagonal(factor[0], axis1=1, axis2=2)).sum(-1)
        return jnp.mean(0.5 * fit + logdet)

    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        return training_step(loss, optimizer)(params, state, x, y)

    args = (params, optimizer.init(params), x, y)
    return program(step, args, (0, 1), ("x", "y"), {"params/project": 1})


def mixture() -> Program:
    """Responsibilities of a mixture of Gaussians: logsumexp, entropy and special functions."""
    points = jax.random.normal(jax.random.key(0), (16, 4))
    params = {"means": jax.random.normal(jax.random.key(1), (8, 4)), "logits": jnp.zeros(8)}
    optimizer = optax.yogi(1e-2)

    def loss(params: Any, points: Any) -> Any:
        gaps = points[:, None] - params["means"][None]
        logs = jsp.stats.norm.logpdf(gaps).sum(-1) + jax.nn.log_softmax(params["logits"])
        prior = jsp.special.gammaln(2.0 + params["logits"] ** 2).sum()
        return 0.01 * prior - jsp.special.logsumexp(logs, axis=1).mean()

    def step(params: Any, state: Any, points: Any) -> Any:
        return training_step(loss, optimizer)(params, state, points)

    return program(step, (params, optimizer.init(params), points), (0, 1), ("points",), {"params/means": 0})


def spectral() -> Program:
    """A layer in frequency space, and its gradient."""
    signals = jax.random.normal(jax.random.key(0), (8, 16, 8))
    real, imaginary = jax.random.normal(jax.random.key(1), (2, 8, 8)) * 0.3

    def step(params: Any, signals: Any) -> Any:
        def loss(params: Any) -> Any:
            waves = jnp.fft.rfft(signals, axis=1)
            mixed = jnp.einsum("btc,cd->btd", waves, params["real"] + 1j * params["imaginary"])
            return jnp.mean(jnp.fft.irfft(mixed, n=16, axis=1) ** 2)

        value, gradients = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients), value

    args = ({"real": real, "imaginary": imaginary}, signals)
    return program(step, args, (0,), ("signals",), {"params/*": 1})


def decompositions() -> Program:
    """Solves, singular values, eigenvalues and determinants of a batch of matrices made by a learned map."""
    x = jax.random.normal(jax.random.key(0), (8, 4, 16))

    def step(weight: Any, x: Any) -> Any:
        y = x @ weight
        gram = y @ y.swapaxes(1, 2) + 2.0 * jnp.eye(4)
        solved = jnp.linalg.solve(gram, y)
        singular = jnp.linalg.svd(y, compute_uv=False)
        _, logdet = jnp.linalg.slogdet(gram)
        inverse = jnp.linalg.inv(gram)
        powers = jsp.linalg.expm(0.1 * gram)
        return weight * 0.9, solved, singular, jnp.linalg.eigvalsh(gram), logdet.mean(), inverse, powers

    weight = jax.random.normal(jax.random.key(1), (16, 8)) * 0.3
    return program(step, (weight, x), (0,), ("x",), {"weight": 1})
