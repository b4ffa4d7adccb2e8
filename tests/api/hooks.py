"""How schemathesis writes the bodies that it does not know: as the text that the document's examples and schemas give."""
import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv", "application/gpx+xml")
def as_text(_, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")
