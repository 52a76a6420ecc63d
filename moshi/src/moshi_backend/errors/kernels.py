"""Errors of the service's own GPU kernels. The service works without them, for fewer conversations."""

from moshi_service.errors import Row


@Row(
    cause="the log and the doctor say that a kernel differs from PyTorch on this GPU, or fails",
    remedy="the service works, with fewer conversations. Update the driver, or report the line",
)
def kernels_not_used(why: object) -> str:
    return f"the service's kernels are not used: {why}; PyTorch's serve instead, for fewer conversations"


@Row(
    cause="the kernels are compiled for 8.0, 8.6, 8.9 and 9.0",
    remedy="none is needed: PyTorch's operations serve",
)
def kernels_for_other_gpus(capability: str) -> str:
    return f"there are none for a GPU of compute capability {capability}"


_driver = Row(cause="the driver is not complete, or older than 525", remedy="update the driver")


@_driver
def driver_library_missing(why: object) -> str:
    return f"the driver's library could not be loaded: {why}"


@_driver
def kernel_refused(why: str) -> str:
    return f"the driver refused a kernel: {why}"


@_driver
def kernel_failed(why: object) -> str:
    return f"a kernel failed: {why}"


_wrong = Row(
    cause="a kernel computes something else on this GPU",
    remedy="report the line with the GPU and the driver",
)


@_wrong
def kernel_differs(name: str, difference: float, most: float) -> str:
    return f"{name} differs from PyTorch by {difference:.2g} of the result, more than {most}"


@_wrong
def kernel_answers_idle_slot(name: str) -> str:
    return f"{name} has an output for a slot that does not step"


@_wrong
def kernel_writes_idle_slot(name: str) -> str:
    return f"{name} writes into a slot that does not step"


@_wrong
def kernel_samples_differently(differing: int, slots: int) -> str:
    return f"sample chooses other tokens than PyTorch in {differing} of {slots} slots"


@Row(
    cause="a kernel failed so badly that CUDA ended",
    remedy="set `MOSHI_KERNELS=off`, start again, and report the line",
)
def gpu_broken_by_kernel(why: object) -> str:
    return f"{why}, and the GPU takes no more work from this process: set MOSHI_KERNELS=off"
