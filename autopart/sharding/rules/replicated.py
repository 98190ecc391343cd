"""Primitives that have no rule, by name: kept whole and why, handled by the trace, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_KEYS = "acts on random keys, a few words each, which are no plain arrays"
_STREAM = "draws one stream for the whole array: a tile of it depends on the whole shape"
_HOST = "calls Python on the host, which must be called once with whole arrays"
_FOREIGN = "is foreign code that says nothing about how its operands are worked on"
_KERNEL = "is a hand-written kernel that says nothing about how its operands are worked on"
_FUSED_ATTENTION = "is a GPU library's fused kernel, of which the shapes are part of a handle made at trace time"
_SPARSE = "works on sparse storage, whose entries stand in an order that no tile of the dense array has"
_CONTRACT = "is a fact about sizes that are known before partitioning"

ALWAYS_REPLICATED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("random_clone", "random_fold_in", "random_seed", "random_split", "random_unwrap", "random_wrap"), _KEYS
        ),
        **dict.fromkeys(("to_edtype", "from_edtype"), "turns plain arrays into extended types and back"),
        **dict.fromkeys(("rng_bit_generator", "rng_uniform"), _STREAM),
        "random_bits": f"{_STREAM} (threefry keys with jax_threefry_partitionable on are rewritten at trace time)",
        "random_gamma": "rejects and draws again, with a key for each element of the whole array",
        **dict.fromkeys(("pure_callback", "buffer_callback"), _HOST),
        **dict.fromkeys(("ffi_call", "call_exported"), _FOREIGN),
        **dict.fromkeys(("pallas_call", "core_map", "cudnn_fusion", "mpmd_map"), _KERNEL),
        **dict.fromkeys(("compute_on", "fused_call"), "asks for a processor or a memory of its own"),
        **dict.fromkeys(("custom_fusion", "fusible"), "groups ops for a hand-written kernel"),
        "call_hi_primitive": "is a user's primitive that has not been lowered to JAX's own",
        "call_hi_primitive_linearized": "is a user's primitive that has not been lowered to JAX's own",
        "cholesky_update": "updates the factor of one matrix, column after column; it has no batch",
        **dict.fromkeys(
            tuple(
                f"dot_product_attention_{name}"
                for name in (
                    "bwd", "bwd_wrapper", "fp8_bwd", "fp8_bwd_wrapper", "fp8_fwd", "fp8_fwd_wrapper", "fwd",
                    "fwd_wrapper",
                )
            ),
            _FUSED_ATTENTION,
        ),
        **dict.fromkeys(("rnn_bwd", "rnn_fwd", "scaled_matmul", "scaled_matmul_wrapper"), _FUSED_ATTENTION),
        **dict.fromkeys(
            (
                "bcoo_dot_general", "bcoo_dot_general_sampled", "bcoo_extract", "bcoo_fromdense", "bcoo_sort_indices",
                "bcoo_spdot_general", "bcoo_sum_duplicates", "bcoo_todense", "bcoo_transpose", "bcsr_dot_general",
                "bcsr_extract", "bcsr_fromdense", "bcsr_todense", "coo_fromdense", "coo_matmat", "coo_matvec",
                "coo_spmm", "coo_spmv", "coo_todense", "csr_fromdense", "csr_matmat", "csr_matvec", "csr_spmm",
                "csr_spmv", "csr_todense", "spsolve", "todense",
            ),
            _SPARSE,
        ),
        **dict.fromkeys(("dim_as_value", "dimension_size", "shape_assertion"), _CONTRACT),
        "platform_index": "is one number: which of several platforms the program runs on",
        "empty2": "is one number without a value, which a scan starts from",
        "run_state": "works on mutable references, inside of which no tile is known",
        "unreachable": "stands where a program may never come",
        **dict.fromkeys(("pack_dtype", "unpack_dtype"), "packs narrow elements for a hand-written kernel"),
        "einshape_lo": "rearranges a block inside of a hand-written kernel",
    }
)  # fmt: skip
"""Primitive -> why it is always replicated: no tile of its result can be made from tiles of its operands."""

QUIET = frozenset(
    (
        "random_clone", "random_fold_in", "random_seed", "random_split", "random_unwrap", "random_wrap",
        "platform_index", "empty2", "to_edtype", "from_edtype",
    )
)  # fmt: skip
"""Those of them that are too small for a warning: they work on single numbers and on keys."""

_CALL = "is inlined"
_REGION = "is a region whose body is analysed"
_IDENTITY = "passes its operands on"

TRACED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "call", "closed_call", "composite", "core_call", "custom_jvp_call",
                "custom_lin", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_vmap_call",
                "jit", "linear_call", "pjit", "remat_opt", "xla_metadata_call",
            ),
            _CALL,
        ),
        **dict.fromkeys(("checkpoint", "remat", "remat2"), "is inlined behind one joint barrier"),
        **dict.fromkeys(("scan", "while", "cond"), _REGION),
        **dict.fromkeys(
            ("sharding_constraint", "layout_constraint", "reshard", "mesh_cast", "shard_alike",
             "with_memory_space_constraint"),
            "says where data should stand, and is left out",
        ),
        **dict.fromkeys(
            ("debug_print", "debug_callback", "inspect_sharding", "dce_sink"), "is left out, with a warning"
        ),
        **dict.fromkeys(("tie", "device_put", "xla_metadata_value", "consume"), _IDENTITY),
        "shard_map": "is taken as the program over whole arrays that it stands for, with a warning",
        **dict.fromkeys(("custom_linear_solve", "iota_2x32_shape"), "is rewritten into ops that partition"),
    }
)  # fmt: skip
"""Primitive -> how the trace deals with it, so that it never stands in a graph (or only as a region)."""

_COLLECTIVE = "needs a named axis, which only the body of a shard_map or vmap has"
_REFERENCE = "reads or writes a mutable reference: a side effect"
_IN_KERNEL = "stands only inside of a hand-written kernel"
_EFFECT = "has a side effect"
_UNLOWERABLE = "is never lowered: JAX replaces it before"

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "all_gather", "all_gather_done", "all_gather_invariant", "all_gather_reduced",
                "all_gather_reduced_start", "all_gather_start", "all_to_all", "all_to_all_done", "all_to_all_start",
                "axis_index", "pbroadcast", "pbroadcast_done", "pbroadcast_start", "pmax", "pmin", "ppermute",
                "ppermute_done", "ppermute_start", "precv", "preduced", "psend", "psum", "psum_done",
                "psum_invariant", "psum_invariant_start", "psum_start", "pvary", "ragged_all_to_all",
                "reduce_scatter", "reduce_scatter_done", "reduce_scatter_start", "reduced_vary_cast_p",
                "unreduced_psum", "unreduced_psum_start", "unreduced_reduce_scatter",
                "unreduced_reduce_scatter_start", "vary_unreduced_cast_p",
            ),
            _COLLECTIVE,
        ),
        **dict.fromkeys(
            (
                "accum_grad_in_ref", "addupdate", "box_get", "box_set", "broadcast_to", "create_linear", "empty_ref",
                "free_ref", "freeze", "get", "log_extend", "log_read", "new_box", "new_log", "new_ref", "pin",
                "swap", "unpin",
            ),
            _REFERENCE,
        ),
        **dict.fromkeys(
            (
                "delay", "get_global", "jaxpr_call", "masked_load", "masked_swap", "multiple_of", "num_programs",
                "program_id", "reciprocal", "run_scoped", "semaphore_read", "semaphore_signal", "semaphore_wait",
            ),
            _IN_KERNEL,
        ),
        **dict.fromkeys(("after_all", "check", "create_token", "io_callback"), _EFFECT),
        **dict.fromkeys(
            ("assert_consumed_value", "global_array_to_host_local_array", "host_local_array_to_global_array",
             "custom_jvp_call_jaxpr", "eval_jaxpr", "stage", "zeros_like"),
            _UNLOWERABLE,
        ),
    }
)  # fmt: skip
"""Primitive -> why it cannot stand in a program over whole arrays."""
