"""Long single-threaded work side by side."""
import concurrent.futures
import os
import queue


def take_core(cores):
    os.sched_setaffinity(0, {cores.get()})


def one_a_core(function, jobs, on_failure=lambda: None):
    """What the function returns for each tuple of arguments, in order. As many go at once as there are cores,
    each kept with the programs that it starts to a core that no other has. When one fails none is begun any
    more, `on_failure` is called, and the exception goes on once those that still run have ended."""
    cores = queue.SimpleQueue()
    for core in os.sched_getaffinity(0):
        cores.put(core)
    with concurrent.futures.ThreadPoolExecutor(
        cores.qsize(), initializer=take_core, initargs=(cores,)
    ) as pool:
        try:
            futures = [pool.submit(function, *job) for job in jobs]
            for future in concurrent.futures.as_completed(futures):
                future.result()
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            on_failure()
            raise
