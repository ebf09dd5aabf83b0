"""Popular packages, and a short use of each, for `run.py`."""

import decimal
import io
from collections.abc import Callable
from typing import Any, NamedTuple


class Package(NamedTuple):
    """A package of the index."""

    name: str
    module: str
    """The module that its use needs."""
    use: Callable[[Any], object]
    """A short piece of work, given that module."""


DATA = [{"id": n, "name": f"name {n}", "values": [n / 7, None, True]} for n in range(50)]
TEXT = "\n".join(f"* item {n} with *words* and `code` in it" for n in range(50))
YAML = "\n".join(f"key{n}: [1, 2.5, 'text', {{a: b}}]" for n in range(30))
HTML = "<div>" + "".join(f"<p class='c'>text {n} <b>bold</b></p>" for n in range(50)) + "</div>"
SCHEMA = {"type": "array", "items": {"type": "object", "required": ["id", "name"]}}
CODE = "def f(x, y=1):\n    return [x * y for _ in range(3)]\n" * 10
BYTES = bytes(range(256)) * 40


def _protobuf(message: Any) -> object:
    struct = message.Struct()
    struct.update({"a": 1.5, "b": "text"})
    return message.Struct.FromString(struct.SerializeToString())


def _openpyxl(openpyxl: Any) -> object:
    book = openpyxl.Workbook()
    for n in range(20):
        book.active.append([n, str(n)])
    return book.save(io.BytesIO())


def _networkx(networkx: Any) -> object:
    return networkx.betweenness_centrality(networkx.path_graph(30))


def _pypdf(pypdf: Any) -> object:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    return writer.write(io.BytesIO())


def _click(click: Any) -> object:
    command = click.Command("c", params=[click.Option(["--n"], type=int)], callback=lambda n: n)
    return command.main(["--n", "5"], standalone_mode=False)


def _attrs(attr: Any) -> object:
    cls = attr.make_class("C", ["a", "b"])
    return attr.asdict(cls(1, 2))


def _wrapt(wrapt: Any) -> object:
    return [wrapt.ObjectProxy(DATA)[0] for _ in range(100)]


def _pydantic(pydantic: Any) -> object:
    return pydantic.TypeAdapter(list[dict[str, Any]]).validate_python(DATA)


def _coverage(coverage: Any) -> object:
    return coverage.Coverage(data_file=None).get_option("run:branch")


def _nltk(stem: Any) -> object:
    return [stem.PorterStemmer().stem(word) for word in ("running", "flies", "easily")]


PACKAGES = [
    Package("aiohttp", "aiohttp", lambda m: m.FormData({"a": "b"})()),
    Package(
        "arrow", "arrow", lambda m: m.get("2026-11-30T10:00:00+01:00").shift(days=1).isoformat()
    ),
    Package("attrs", "attr", _attrs),
    Package("bcrypt", "bcrypt", lambda m: m.hashpw(b"password", m.gensalt(4))),
    Package("beautifulsoup4", "bs4", lambda m: m.BeautifulSoup(HTML, "html.parser").find_all("b")),
    Package("bitarray", "bitarray", lambda m: m.bitarray("0110") * 100),
    Package("black", "black", lambda m: m.format_str("x = {  'a':1 }", mode=m.Mode())),
    Package("blake3", "blake3", lambda m: m.blake3(BYTES).hexdigest()),
    Package("Brotli", "brotli", lambda m: m.decompress(m.compress(BYTES))),
    Package("cbor2", "cbor2", lambda m: m.loads(m.dumps(DATA))),
    Package("cffi", "cffi", lambda m: m.FFI().new("int[4]")),
    Package("chardet", "chardet", lambda m: m.detect("für größere Bücher".encode())),
    Package(
        "charset-normalizer",
        "charset_normalizer",
        lambda m: m.from_bytes("für Bücher".encode() * 9).best(),
    ),
    Package("click", "click", _click),
    Package("coverage", "coverage", _coverage),
    Package("cryptography", "cryptography.fernet", lambda m: m.Fernet(m.Fernet.generate_key())),
    Package("docutils", "docutils.core", lambda m: m.publish_parts(TEXT, writer_name="html")),
    Package("duckdb", "duckdb", lambda m: m.sql("select 42").fetchall()),
    Package("gmpy2", "gmpy2", lambda m: m.mpz(3) ** 1000),
    Package("greenlet", "greenlet", lambda m: m.greenlet(lambda: 5).switch()),
    Package("grpcio", "grpc", lambda m: m.StatusCode.OK),
    Package("html5lib", "html5lib", lambda m: m.parse(HTML)),
    Package("httptools", "httptools", lambda m: m.parse_url(b"http://host/path?q")),
    Package("httpx", "httpx", lambda m: m.Request("GET", "http://host", params={"a": "b"}).url),
    Package("jellyfish", "jellyfish", lambda m: m.levenshtein_distance("kitten", "sitting")),
    Package(
        "Jinja2",
        "jinja2",
        lambda m: m.Template("{% for a in b %}{{ a|e }}{% endfor %}").render(b="<x>"),
    ),
    Package("jsonschema", "jsonschema", lambda m: m.validate(DATA, SCHEMA)),
    Package("lark", "lark", lambda m: m.Lark('start: "a"+').parse("aaa")),
    Package("Levenshtein", "Levenshtein", lambda m: m.distance("kitten", "sitting")),
    Package("libcst", "libcst", lambda m: m.parse_module(CODE)),
    Package("lxml", "lxml.etree", lambda m: m.HTML(HTML).xpath("//b")),
    Package("lz4", "lz4.frame", lambda m: m.decompress(m.compress(BYTES))),
    Package(
        "Mako",
        "mako.template",
        lambda m: m.Template("% for a in b:\n${a}\n% endfor\n").render(b="xy"),
    ),
    Package("Markdown", "markdown", lambda m: m.markdown(TEXT)),
    Package("MarkupSafe", "markupsafe", lambda m: m.escape(HTML)),
    Package("matplotlib", "matplotlib.path", lambda m: m.Path([(0, 0), (1, 1)])),
    Package("mistune", "mistune", lambda m: m.html(TEXT)),
    Package("msgpack", "msgpack", lambda m: m.unpackb(m.packb(DATA))),
    Package("msgspec", "msgspec.json", lambda m: m.decode(m.encode(DATA))),
    Package(
        "multidict", "multidict", lambda m: [m.MultiDict(a="b").getall("a") for _ in range(50)]
    ),
    Package("networkx", "networkx", _networkx),
    Package("nltk", "nltk.stem", _nltk),
    Package("numpy", "numpy", lambda m: m.arange(5).sum()),
    Package("openpyxl", "openpyxl", _openpyxl),
    Package("orjson", "orjson", lambda m: m.loads(m.dumps(DATA))),
    Package("pandas", "pandas", lambda m: m.DataFrame(DATA).shape),
    Package("parso", "parso", lambda m: m.parse(CODE)),
    Package("pendulum", "pendulum", lambda m: m.parse("2026-11-30T10:00:00+01:00")),
    Package("Pillow", "PIL.Image", lambda m: m.new("RGB", (9, 9)).rotate(90)),
    Package("polars", "polars", lambda m: m.DataFrame({"a": [1]}).shape),
    Package("protobuf", "google.protobuf.struct_pb2", _protobuf),
    Package("psutil", "psutil", lambda m: m.Process().pid),
    Package("pyarrow", "pyarrow", lambda m: m.array([1, 2])),
    Package(
        "pycparser", "pycparser.c_parser", lambda m: m.CParser().parse("int f(int a) { return a; }")
    ),
    Package("pycryptodome", "Crypto.Hash.SHA256", lambda m: m.new(BYTES).hexdigest()),
    Package("pydantic", "pydantic", _pydantic),
    Package("Pygments", "pygments.lexers", lambda m: list(m.PythonLexer().get_tokens(CODE))),
    Package(
        "pyparsing", "pyparsing", lambda m: m.OneOrMore(m.Word(m.alphas)).parse_string("a b c")
    ),
    Package("pypdf", "pypdf", _pypdf),
    Package("python-dateutil", "dateutil.parser", lambda m: m.parse("30 Nov 2026 10:00 +0100")),
    Package("PyYAML", "yaml", lambda m: m.load(YAML, getattr(m, "CSafeLoader", m.SafeLoader))),
    Package("pyzmq", "zmq", lambda m: m.Context().term()),
    Package(
        "rapidfuzz", "rapidfuzz.fuzz", lambda m: m.ratio("this is a text" * 5, "this is a test" * 5)
    ),
    Package("regex", "regex", lambda m: m.findall(r"\p{L}+", TEXT)),
    Package(
        "requests",
        "requests",
        lambda m: m.Request("GET", "http://host", params={"a": "b"}).prepare(),
    ),
    Package("rich", "rich.console", lambda m: m.Console(file=io.StringIO(), width=80).print(DATA)),
    Package("rpds-py", "rpds", lambda m: m.HashTrieMap({"a": 1}).insert("b", 2)),
    Package("ruamel.yaml", "ruamel.yaml", lambda m: m.YAML(typ="safe", pure=False).load(YAML)),
    Package("scikit-learn", "sklearn.linear_model", lambda m: m.LinearRegression()),
    Package("scipy", "scipy.special", lambda m: m.gamma(5)),
    Package("shapely", "shapely", lambda m: m.Point(0, 0).buffer(1).area),
    Package("simplejson", "simplejson", lambda m: m.loads(m.dumps(DATA))),
    Package(
        "snowballstemmer", "snowballstemmer", lambda m: m.stemmer("english").stemWords(["running"])
    ),
    Package("SQLAlchemy", "sqlalchemy", lambda m: str(m.select(m.column("a")))),
    Package(
        "sqlglot", "sqlglot", lambda m: m.transpile("select a, b from t where a > 5 order by b")
    ),
    Package(
        "sqlparse", "sqlparse", lambda m: m.format("select a from t where b = 1", reindent=True)
    ),
    Package("sympy", "sympy", lambda m: m.expand((m.Symbol("x") + 1) ** 8)),
    Package("tiktoken", "tiktoken", lambda m: m.list_encoding_names()),
    Package("tokenizers", "tokenizers", lambda m: m.Tokenizer(m.models.BPE())),
    Package("tomlkit", "tomlkit", lambda m: m.parse("a = 1\n[b]\nc = [1, 2]\n")),
    Package(
        "tornado",
        "tornado.template",
        lambda m: m.Template("{{ a }}").generate(a=decimal.Decimal(5)),
    ),
    Package("ujson", "ujson", lambda m: m.loads(m.dumps(DATA))),
    Package("uvloop", "uvloop", lambda m: m.new_event_loop().close()),
    Package(
        "websockets",
        "websockets.frames",
        lambda m: m.Frame(m.Opcode.TEXT, BYTES).serialize(mask=True),
    ),
    Package("wrapt", "wrapt", _wrapt),
    Package("xmltodict", "xmltodict", lambda m: m.parse(HTML)),
    Package("xxhash", "xxhash", lambda m: m.xxh64(BYTES).hexdigest()),
    Package("yarl", "yarl", lambda m: m.URL("http://host/path?a=b") / "c"),
    Package("zstandard", "zstandard", lambda m: m.ZstdDecompressor().decompress(m.compress(BYTES))),
]
