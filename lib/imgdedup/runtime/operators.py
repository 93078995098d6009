"""The operators of the DAGs: Spark jobs and Python tasks whose faults are told in plain words."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import BaseHook, Param, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)

from imgdedup.console import say
from imgdedup.errors import UserError, one_line
from imgdedup.runtime.lineage import TellsLineage

MILVUS_CONNECTION = "imgdedup_milvus"
MILVUS_VARIABLES = tuple(f"IMGDEDUP_MILVUS_{name}" for name in ("TOKEN", "USER", "PASSWORD"))

# The root of a run, for a template.
ROOT = "require_root(params.root or var.value.get('imgdedup_root', ''))"


class RetryUnlessUsersFault(RetryPolicy):
    """Does not retry a job that ended with exit status 2: only a person can mend its fault."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Read the exit status from the exception's message, since the exception has no field."""
        if "Error code is: 2." in str(exception):
            return RetryDecision.fail("the input or the configuration is at fault")
        return RetryDecision.default()


class JobOperator(TellsLineage, SparkSubmitOperator):
    """A job whose spark-submit ends with its task, however the task ends."""

    template_fields = (*SparkSubmitOperator.template_fields, "root", "images")

    def __init__(
        self, *, root: str, images: str, reads: Sequence[str], writes: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.root, self.images, self.reads, self.writes = root, images, reads, writes

    def execute(self, context: Any) -> None:
        """Run spark-submit; raises AirflowException when it fails."""
        from imgdedup.runtime.guard import guarded  # at run time: parsing a DAG stays cheap

        with guarded(), milvus_credentials():
            super().execute(context)


class StepOperator(TellsLineage, PythonOperator):
    """A Python function as a task; it gets the root as its argument `root`.

    A UserError fails the task at once, and any other exception may be mended by another try.
    """

    template_fields = (*PythonOperator.template_fields, "root")

    def __init__(
        self, *, root: str, reads: Sequence[str], writes: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.root, self.reads, self.writes = root, reads, writes

    def execute(self, context: Any) -> Any:
        """Call the function and return what it returns; raises AirflowFailException."""
        self.op_kwargs = {**self.op_kwargs, "root": self.root}
        try:
            return super().execute(context)
        except UserError as error:
            raise refusal(f"{self.task_id}: {error}") from None
        except Exception as error:
            say(f"error: {self.task_id}: {one_line(error)}")
            raise


class ApproveOperator(ApprovalOperator):
    """Waits for a person to approve the plan that the task `planned_by` made.

    An empty plan skips the task and what follows it. A rejection skips what follows.
    """

    def __init__(self, *, planned_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned_by = planned_by

    def execute(self, context: Any) -> None:
        """Ask, unless the plan is empty; raises AirflowSkipException then."""
        planned = self._planned(context)
        if not planned["images"]:
            say(f"{self.task_id}: the plan {planned['id']} moves nothing, so nobody is asked")
            raise AirflowSkipException("the plan is empty")
        super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Take the answer: after a rejection, what follows is skipped."""
        answer = super().execute_complete(context, event)
        approved = answer["chosen_options"] == [self.APPROVE]
        what = "approved" if approved else "rejected, so nothing is moved"
        say(f"{self.task_id}: the plan {self._planned(context)['id']} is {what}")
        return answer

    def _planned(self, context: Any) -> dict[str, Any]:
        return dict(context["ti"].xcom_pull(task_ids=self.planned_by))


@contextmanager
def milvus_credentials() -> Iterator[None]:
    """Hand the connection `imgdedup_milvus`, if there is one, to spark-submit in its environment.

    The environment is the only way on which a password shows in no command line, page or log.
    """
    try:
        found = BaseHook.get_connection(MILVUS_CONNECTION)
    except AirflowNotFoundException:
        yield
        return
    user, password = found.login or "", found.password or ""
    values = ("", user, password) if user else (password, "", "")
    before = {name: os.environ.get(name) for name in MILVUS_VARIABLES}
    os.environ.update(zip(MILVUS_VARIABLES, values, strict=True))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def root_param() -> Param:
    """The parameter `root` of a DAG."""
    return Param(
        None,
        type=["null", "string"],
        description="Folder or object-store prefix that holds the tables. "
        "Empty: the Airflow Variable imgdedup_root.",
    )


def require_root(root: str) -> str:
    """Return `root`; fail the task at once when it is empty."""
    if not root:
        raise refusal("no root: give the parameter root or set the Airflow Variable imgdedup_root")
    return root


def refusal(reason: str) -> AirflowFailException:
    """Say `reason`, and give the exception that fails a task at once."""
    say(f"error: {reason}")
    return AirflowFailException(reason)
