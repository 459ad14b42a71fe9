"""What an operator changes about a destination's actions: what triggers each, and what it sees of the event. Pure."""

from router.actions.change import Allow, Change, Constant, Drop, DropCustom, Fill, Hash, Rename
from router.actions.expression import EventContext, Expression
from router.actions.expression_check import ExpressionError
from router.actions.match import Match
from router.actions.path import Path, canonical, read_changeable, read_path
from router.actions.rule import ActionRule
from router.actions.template import Template
from router.actions.trigger import Refusal, Trigger

__all__ = [
    "ActionRule",
    "Allow",
    "Change",
    "Constant",
    "Drop",
    "DropCustom",
    "EventContext",
    "Expression",
    "ExpressionError",
    "Fill",
    "Hash",
    "Match",
    "Path",
    "Refusal",
    "Rename",
    "Template",
    "Trigger",
    "canonical",
    "read_changeable",
    "read_path",
]
