"""Sharding rules: how each primitive ties operand and result dimensions."""

from autopart.sharding.rules.custom import CUSTOM_PARTITIONING
from autopart.sharding.rules.families import FREE, FUSIBLE, IN_PLACE, PRODUCTS, REARRANGING, TRANSCENDENTAL
from autopart.sharding.rules.indexing import mode_name
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.register import register_rule
from autopart.sharding.rules.registry import RegisteredRule, Tiles, registered_rule, unregister_rule
from autopart.sharding.rules.rule import MOST_DIMS, Kind, Linear, Rule
from autopart.sharding.rules.table import rules_of
from autopart.sharding.rules.windows import Slide, Tiling, convolution_slides, convolution_tiling, scatterings

__all__ = [
    "CUSTOM_PARTITIONING",
    "Context",
    "FREE",
    "FUSIBLE",
    "IN_PLACE",
    "Kind",
    "Linear",
    "MOST_DIMS",
    "PRODUCTS",
    "REARRANGING",
    "RegisteredRule",
    "Rule",
    "Slide",
    "TRANSCENDENTAL",
    "Tiles",
    "Tiling",
    "convolution_slides",
    "convolution_tiling",
    "mode_name",
    "register_rule",
    "registered_rule",
    "rules_of",
    "scatterings",
    "unregister_rule",
]
