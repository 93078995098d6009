"""Draws random sequences of steps, and shrinks one that breaks an invariant."""

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def try_machine(
    machine: type[RuleBasedStateMachine], number: int, steps: int, chosen_seed: int
) -> None:
    """Try `number` sequences of up to `steps` steps.

    Raises AssertionError for the first one that breaks an invariant. Hypothesis shrinks it, and the
    notes of the error have its steps.
    """
    chosen = hypothesis_settings(
        max_examples=number,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(chosen_seed)(machine), settings=chosen)
