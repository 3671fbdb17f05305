"""The export of one dataset, as a run of its own."""

from prefect import flow

from configs.open_exit import open_exit
from core.archive.errors import BeingWrittenError
from core.steps.export import write_one
from tasks.export import watched


@flow(name="export-dataset", flow_run_name="{engagement}: export {dataset}", persist_result=False)
def export_dataset(engagement: str, dataset: str, subject: str) -> str:
    """Write one dataset into the archive that client-exit or the cutoff has begun, or go on with it.

    Offered to the workers by client-exit and the cutoff. Started by hand it does nothing that they would not do.

    Args:
        engagement: Filled in by client-exit or the cutoff. There is no need to start this by hand.
        dataset: The name of one data source in the engagement file.
        subject: Which archive it belongs to, as the ledger names it.

    """
    try:
        with open_exit(engagement) as exit_, watched(exit_, dataset) as watch:
            return write_one(exit_, subject, dataset, watch)
    except BeingWrittenError as error:  # of two that start at once, one has nothing to do; whoever offered it looks again
        return error.what
