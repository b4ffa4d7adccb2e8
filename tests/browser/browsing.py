"""What tests of the pages need: a page that is watched for what must not happen, and couriers to look at."""
from datetime import datetime, timedelta, timezone

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
WAIT_MS_MAX = 60_000


class Watched:
    """Pages of one test, and what must not happen on any of them."""

    def __init__(self, browser):
        self.browser, self.contexts, self.errors, self.asked = browser, [], [], []
        self.expected = ()  # beginnings of console errors that the test itself brings about

    def open(self, url, size=None, **options):
        context = self.browser.new_context(viewport=size or DESK, **options)
        context.set_default_timeout(WAIT_MS_MAX)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(url)
        return page

    def close(self):
        while self.contexts:
            self.contexts.pop().close()


def ago(seconds):
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def location(order, latitude, longitude, seconds_ago=0.0, state="on_the_way", deliverer=7, **more):
    return {"order_id": order, "deliverer_id": deliverer, "delivery_state": state, "latitude": latitude, "longitude": longitude,
            "timestamp": ago(seconds_ago), **more}


def send(waybill, *locations):
    answer = waybill.post("/v1/locations", list(locations))
    assert answer.status_code == 200, answer.text


def customers_page(waybill, order):
    made = waybill.post(f"/v1/orders/{order}/links", {})
    assert made.status_code == 201, made.text
    return waybill.url + made.json()["page"]


def drive(waybill, order, count=12, first_s=120.0, deliverer=7, destination=(41.1612, -8.6282), **of_order):
    """An order that has been under way for two minutes, through the centre of Porto."""
    assert waybill.post("/v1/orders", {"order_id": order, "deliverer_id": deliverer, "at": ago(first_s + 60), **of_order,
                                       "destination": {"latitude": destination[0], "longitude": destination[1], "address": "Rua de Cedofeita 12"},
                                       }).status_code == 200
    send(waybill, *[location(order, 41.1496 + 0.0006 * i, -8.6110 - 0.0009 * i, first_s - i * first_s / count, deliverer=deliverer)
                    for i in range(count)])
    return 41.1496 + 0.0006 * (count - 1), -8.6110 - 0.0009 * (count - 1)


# What became of the marker, frame by frame, as [longitude, latitude].
WATCH_MARKER = """() => {
  window.places = [];
  const watch = () => {
    const node = document.querySelector(".courier");
    if (node?.isConnected && node.dataset.longitude) {
      const place = [Number(node.dataset.longitude), Number(node.dataset.latitude)];
      if (String(window.places.at(-1)) !== String(place)) window.places.push(place);
    }
    requestAnimationFrame(watch);
  };
  watch();
}"""


def marker_comes_to(page, latitude, longitude):
    page.wait_for_function("""([longitude, latitude]) => {
      const node = document.querySelector(".courier");
      return node && Math.abs(node.dataset.longitude - longitude) < 2e-6 && Math.abs(node.dataset.latitude - latitude) < 2e-6;
    }""", arg=[longitude, latitude])
