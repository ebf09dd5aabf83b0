"""OpenTelemetry and Sentry, around calls of a pool."""

from pathlib import Path

from programs import run, write

QUIET = {"PYTHONWARNINGS": "default"}


def printed(folder: Path, text: str) -> str:
    """Run a program, and return what it prints; it must succeed."""
    done = run(write(folder / "program.py", text), environment=QUIET)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_opentelemetry_spans_around_calls(tmp_path: Path) -> None:
    """A span of the caller, and a worker's own ones, whose ids belong to it by what was sent."""
    work = """
    from opentelemetry import propagate
    from opentelemetry.sdk.trace import TracerProvider

    def work(carrier):
        context = propagate.extract(carrier)
        with TracerProvider().get_tracer("work").start_as_current_span("in", context) as span:
            return span.get_span_context().trace_id
    """
    write(tmp_path / "work.py", work)
    program = """
    from opentelemetry import propagate
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from work import work

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("program")

    with InterpreterPoolExecutor(1) as pool, tracer.start_as_current_span("out") as span:
        carrier = {}
        propagate.inject(carrier)
        assert pool.submit(work, carrier).result() == span.get_span_context().trace_id
    print([span.name for span in exporter.get_finished_spans()])
    """
    assert printed(tmp_path, program) == "['out']\n"


def test_sentry_reports_the_error_of_a_call(tmp_path: Path) -> None:
    """With its type, the frames of the worker, and the worker's traceback as its cause."""
    program = """
    import sentry_sdk

    events = []
    sentry_sdk.init(dsn="http://key@localhost/1", before_send=lambda e, _: events.append(e))

    def divide(number):
        return 1 / number

    with InterpreterPoolExecutor(1) as pool:
        try:
            pool.submit(divide, 0).result()
        except ZeroDivisionError as error:
            sentry_sdk.capture_exception(error)
    (event,) = events
    last = event["exception"]["values"][-1]
    assert last["type"] == "ZeroDivisionError"
    print("divide" in str(event["exception"]["values"]))
    """
    assert printed(tmp_path, program) == "True\n"
