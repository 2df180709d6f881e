"""TensorFlow 1's and Keras's optimisers by name, with one definition of each for every backend.

An `Optimizer` is data: its rule and settings. A rule is arithmetic on one array of the parameters
that every backend runs on its own arrays. Conventions are those of `tf.compat.v1.train`
(https://www.tensorflow.org/api_docs/python/tf/compat/v1/train), and Keras's are other settings: the
epsilon of Adam is that of the paper's `epsilon hat`, RMSProp's is inside the root, and its mean
square starts at 1 in TensorFlow 1 and at 0 in Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, TypeAlias

from ppc.diagnostics import DataError, KindError
from ppc.diagnostics.command import BadOptimizer
from ppc.diagnostics.optimizers import OptimizerArgument, UnknownOptimizer
from ppc.records import dataclass

Array = Any  # of any library
Rule = Callable[..., tuple[Array, ...]]  # (library, settings, t, param, grad, *slots) -> new ones
Number = float | bool


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimiser: a rule with its settings. Equal ones are one to a compiled loop."""

    name: str  # as its user called it
    rule: str
    settings: tuple[tuple[str, Number], ...]

    def slots(self) -> tuple[float, ...]:
        """What each further array of the optimiser's state starts at, one for each parameter."""
        return _SLOTS[self.rule](SimpleNamespace(**dict(self.settings)))

    def step(
        self, xp: Any, t: Array, param: Array, grad: Array, *slots: Array
    ) -> tuple[Array, ...]:
        """A parameter and its slots after step `t` (from 1), by `xp`: numpy, jax.numpy, tf."""
        return _RULES[self.rule](xp, SimpleNamespace(**dict(self.settings)), t, param, grad, *slots)


# --- rules ----------------------------------------------------------------------------------------


def _descent(xp: Any, s: Any, t: Array, w: Array, g: Array) -> tuple[Array, ...]:
    return (w - s.learning_rate * g,)


def _momentum(xp: Any, s: Any, t: Array, w: Array, g: Array, v: Array) -> tuple[Array, ...]:
    v = s.momentum * v + g
    return w - s.learning_rate * (g + s.momentum * v if s.use_nesterov else v), v


def _adam(xp: Any, s: Any, t: Array, w: Array, g: Array, m: Array, v: Array) -> tuple[Array, ...]:
    m = s.beta1 * m + (1 - s.beta1) * g
    v = s.beta2 * v + (1 - s.beta2) * g * g
    rate = s.learning_rate * xp.sqrt(1 - s.beta2**t) / (1 - s.beta1**t)
    return w - rate * m / (xp.sqrt(v) + s.epsilon), m, v


def _adagrad(xp: Any, s: Any, t: Array, w: Array, g: Array, a: Array) -> tuple[Array, ...]:
    a = a + g * g
    return w - s.learning_rate * g / xp.sqrt(a + s.epsilon), a


def _adadelta(
    xp: Any, s: Any, t: Array, w: Array, g: Array, a: Array, b: Array
) -> tuple[Array, ...]:
    a = s.rho * a + (1 - s.rho) * g * g
    step = xp.sqrt(b + s.epsilon) / xp.sqrt(a + s.epsilon) * g
    return w - s.learning_rate * step, a, s.rho * b + (1 - s.rho) * step * step


def _rmsprop(
    xp: Any, s: Any, t: Array, w: Array, g: Array, a: Array, v: Array, *mean: Array
) -> tuple[Array, ...]:
    a = s.decay * a + (1 - s.decay) * g * g
    mean = tuple(s.decay * m + (1 - s.decay) * g for m in mean)
    scale = xp.sqrt(a - sum(m * m for m in mean) + s.epsilon)
    v = s.momentum * v + s.learning_rate * g / scale
    return w - v, a, v, *mean


def _ftrl(xp: Any, s: Any, t: Array, w: Array, g: Array, a: Array, z: Array) -> tuple[Array, ...]:
    power = -s.learning_rate_power
    new = a + g * g
    z = z + g - (new**power - a**power) / s.learning_rate * w
    scale = new**power / s.learning_rate + 2 * s.l2_regularization_strength
    low = s.l1_regularization_strength
    return xp.where(xp.abs(z) > low, (xp.sign(z) * low - z) / scale, 0.0 * z), new, z


def _proximal(xp: Any, s: Any, w: Array, g: Array, rate: Array) -> Array:
    moved = w - rate * g
    shrunk = xp.maximum(xp.abs(moved) - rate * s.l1_regularization_strength, 0.0 * moved)
    return xp.sign(moved) * shrunk / (1 + rate * s.l2_regularization_strength)


def _proximal_descent(xp: Any, s: Any, t: Array, w: Array, g: Array) -> tuple[Array, ...]:
    return (_proximal(xp, s, w, g, s.learning_rate),)


def _proximal_adagrad(xp: Any, s: Any, t: Array, w: Array, g: Array, a: Array) -> tuple[Array, ...]:
    a = a + g * g
    return _proximal(xp, s, w, g, s.learning_rate / xp.sqrt(a)), a


_RULES: Mapping[str, Rule] = {
    "descent": _descent, "momentum": _momentum, "adam": _adam, "adagrad": _adagrad,
    "adadelta": _adadelta, "rmsprop": _rmsprop, "ftrl": _ftrl,
    "proximal_descent": _proximal_descent, "proximal_adagrad": _proximal_adagrad,
}  # fmt: skip

_SLOTS: Mapping[str, Callable[[Any], tuple[float, ...]]] = {
    "descent": lambda s: (),
    "momentum": lambda s: (0.0,),
    "adam": lambda s: (0.0, 0.0),
    "adagrad": lambda s: (s.initial_accumulator_value,),
    "adadelta": lambda s: (0.0, 0.0),
    "rmsprop": lambda s: (s.first_mean_square, 0.0, *((0.0,) if s.centered else ())),
    "ftrl": lambda s: (s.initial_accumulator_value, 0.0),
    "proximal_descent": lambda s: (),
    "proximal_adagrad": lambda s: (s.initial_accumulator_value,),
}


# --- names ----------------------------------------------------------------------------------------

REQUIRED = "required"  # in place of a default
_REGULARIZED: Mapping[str, Any] = {
    "l1_regularization_strength": 0.0, "l2_regularization_strength": 0.0,
}  # fmt: skip

# Name in `tf.train` to rule and arguments in their order, with defaults.
TRAIN: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType({
    "GradientDescentOptimizer": ("descent", {"learning_rate": REQUIRED}),
    "MomentumOptimizer": (
        "momentum",
        {"learning_rate": REQUIRED, "momentum": REQUIRED, "use_locking": False, "name": "",
         "use_nesterov": False},
    ),
    "AdamOptimizer": (
        "adam", {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    ),
    "AdagradOptimizer": (
        "adagrad", {"learning_rate": REQUIRED, "initial_accumulator_value": 0.1}
    ),
    "AdadeltaOptimizer": ("adadelta", {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-8}),
    "RMSPropOptimizer": (
        "rmsprop",
        {"learning_rate": REQUIRED, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10,
         "use_locking": False, "centered": False},
    ),
    "FtrlOptimizer": (
        "ftrl",
        {"learning_rate": REQUIRED, "learning_rate_power": -0.5, "initial_accumulator_value": 0.1,
         **_REGULARIZED},
    ),
    "ProximalGradientDescentOptimizer": (
        "proximal_descent", {"learning_rate": REQUIRED, **_REGULARIZED}
    ),
    "ProximalAdagradOptimizer": (
        "proximal_adagrad",
        {"learning_rate": REQUIRED, "initial_accumulator_value": 0.1, **_REGULARIZED},
    ),
})  # fmt: skip

_KerasRule: TypeAlias = tuple[str, Mapping[str, Any], Mapping[str, str]]
# Name in `keras.optimizers` to rule, arguments, and what the rule calls some of these.
KERAS: Mapping[str, _KerasRule] = MappingProxyType({
    "SGD": (
        "momentum", {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
        {"nesterov": "use_nesterov"},
    ),
    "Adam": (
        "adam", {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
        {"beta_1": "beta1", "beta_2": "beta2"},
    ),
    "RMSprop": (
        "rmsprop",
        {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
        {"rho": "decay"},
    ),
    "Adagrad": (
        "adagrad",
        {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7}, {},
    ),
    "Adadelta": ("adadelta", {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7}, {}),
})  # fmt: skip

_IGNORED = ("use_locking", "name")
# What a rule has beyond the arguments of TensorFlow 1, and of Keras.
_FIXED_TRAIN: Mapping[str, Mapping[str, Number]] = {
    "rmsprop": {"first_mean_square": 1.0}, "adagrad": {"epsilon": 0.0},
}  # fmt: skip
_FIXED_KERAS: Mapping[str, Mapping[str, Number]] = {"rmsprop": {"first_mean_square": 0.0}}


def train(name: str, *args: Any, **kwargs: Any) -> Optimizer:
    """`tf.train.NAME(...)` of TensorFlow 1. Raises KindError for wrong arguments."""
    rule, defaults = TRAIN[name]
    given = _bound(name, (*defaults, *_IGNORED), args, kwargs)
    return _made(name, rule, defaults, given, _FIXED_TRAIN.get(rule, {}), {})


def keras(name: str, *args: Any, **kwargs: Any) -> Optimizer:
    """`keras.optimizers.NAME(...)` of those that are known. Raises KindError."""
    rule, defaults, renamed = KERAS[name]
    given = _bound(name, (*defaults, "name"), args, kwargs)
    return _made(name, rule, defaults, given, _FIXED_KERAS.get(rule, {}), renamed)


def named(name: str, learning_rate: float) -> Optimizer:
    """The optimiser of InferPy's name, with defaults. Raises DataError for one that is none.

    Momentum, which TensorFlow 1 has no default of, is 0.9.
    """
    if name not in TRAIN:
        raise DataError(UnknownOptimizer(name=name, known=tuple(TRAIN)))
    settings = {"learning_rate": learning_rate}
    if TRAIN[name][1].get("momentum") == REQUIRED:
        settings["momentum"] = 0.9
    return train(name, **settings)


def known(given: object) -> Optimizer | None:
    """The optimiser that an object is: ours, or one of TensorFlow 1; None for others."""
    if isinstance(given, Optimizer):
        return given
    kind = type(given)
    library = kind.__module__.partition(".")[0]
    if library == "tensorflow" and kind.__name__ in TRAIN:
        defaults = TRAIN[kind.__name__][1]
        own = {name: _attribute(given, name) for name in defaults if name not in _IGNORED}
        return train(kind.__name__, **own)
    return None


def of_keras(given: Any) -> Optimizer | None:
    """The optimiser that an object of Keras is, where nothing is set that is not known here."""
    if type(given).__name__ not in KERAS or not hasattr(given, "get_config"):
        return None
    arguments = KERAS[type(given).__name__][1]
    config = given.get_config()
    if any(config.get(name) for name in _BEYOND):
        return None
    settings = {name: config[name] for name in arguments}
    if not all(isinstance(value, int | float) for value in settings.values()):
        return None  # a schedule
    settings["learning_rate"] = float(f"{settings['learning_rate']:.7g}")  # kept in 32 bits
    return keras(type(given).__name__, **settings)


def no_optimizer(given: object, backend: str, expected: str, example: str) -> KindError:
    """The error for what a backend cannot take as an optimiser."""
    found = repr(given) if isinstance(given, str) else getattr(given, "__name__", None)
    name = found or type(given).__name__
    return KindError(BadOptimizer(found=name, backend=backend, expected=expected, example=example))


# Settings of Keras that no rule here has.
_BEYOND = (
    "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "amsgrad",
    "gradient_accumulation_steps",
)  # fmt: skip


def _attribute(given: Any, name: str) -> Any:
    """An argument of an optimiser of TensorFlow 1, where it keeps it."""
    for own in (f"_{name}", {"learning_rate": "_lr", "beta1": "_beta1"}.get(name, f"_{name}_t")):
        if hasattr(given, own):
            return getattr(given, own)
    return TRAIN[type(given).__name__][1][name]


def _bound(
    name: str, names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments by name, as Python binds them."""
    if len(args) > len(names):
        raise KindError(OptimizerArgument(optimizer=name, argument="", known=names))
    given = dict(zip(names, args, strict=False))
    for key, value in kwargs.items():
        if key not in names or key in given:
            raise KindError(OptimizerArgument(optimizer=name, argument=key, known=names))
        given[key] = value
    return given


def _made(
    name: str, rule: str, defaults: Mapping[str, Any], given: Mapping[str, Any],
    fixed: Mapping[str, Number], renamed: Mapping[str, str],
) -> Optimizer:  # fmt: skip
    settings: dict[str, Number] = dict(fixed)
    for argument, default in defaults.items():
        value = given.get(argument, default)
        if argument in _IGNORED:
            continue
        if value is REQUIRED:
            raise KindError(OptimizerArgument(optimizer=name, argument=argument, missing=True))
        own = renamed.get(argument, argument)
        settings[own] = _number(name, argument, value, flag=isinstance(default, bool))
    return Optimizer(name, rule, tuple(sorted(settings.items())))


def _number(optimizer: str, argument: str, value: Any, *, flag: bool) -> Number:
    if flag:
        return bool(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        found = type(value).__name__
        raise KindError(
            OptimizerArgument(optimizer=optimizer, argument=argument, found=found)
        ) from None
