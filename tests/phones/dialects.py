"""What each app sends for the fixes of a ride, after its documents and sources (docs/PHONES.md), and the answer that it waits for."""
import dataclasses
from datetime import datetime, timezone
from urllib.parse import urlencode

KNOT = 1852 / 3600


@dataclasses.dataclass(frozen=True)
class Fix:
    """In SI units, as Waybill shows it."""
    epoch: int
    latitude: float
    longitude: float
    speed: float
    heading: float
    accuracy: float
    altitude: float

    @property
    def iso(self):
        return datetime.fromtimestamp(self.epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def name(self):
        return f"id-{self.epoch}"


@dataclasses.dataclass(frozen=True)
class Message:
    path: str
    answer: str
    method: str = "POST"
    body: object = None
    headers: dict = dataclasses.field(default_factory=dict)
    status: int = 200


def ride(begin, fixes=12):
    return [Fix(begin + 10 * i, 41.15 + i / 1000, -8.61 - i / 1000, round(3 + i / 4, 2), 10.0 + i, 5.0 + i, 20.0 + i)
            for i in range(fixes)]


def each(one):
    """Of an app that sends a fix a message."""
    return lambda fixes, phone: [one(fix, phone) for fix in fixes]


def owntracks(fix, phone):
    return Message("/pub", "[]", body={
        "_type": "location", "_id": fix.name, "tst": fix.epoch, "created_at": fix.epoch + 1, "lat": fix.latitude, "lon": fix.longitude,
        "vel": fix.speed * 3.6, "cog": fix.heading, "acc": fix.accuracy, "alt": fix.altitude, "vac": 3, "batt": 81, "bs": 1, "conn": "m",
        "t": "t", "tid": "ph", "topic": f"owntracks/{phone}/pixel"})


def owntracks_by_query(fix, phone):
    message = owntracks(fix, "somebody")
    return dataclasses.replace(message, path=f"/owntracks?u={phone}&d=pixel")


def flat(fix, phone, unit=KNOT):
    return {"id": phone, "timestamp": fix.epoch, "lat": fix.latitude, "lon": fix.longitude, "speed": fix.speed / unit,
            "bearing": fix.heading, "altitude": fix.altitude, "accuracy": fix.accuracy, "batt": 81}


def traccar_8(fix, phone):
    return Message("/?" + urlencode(flat(fix, phone)), "")


def osmand_get(fix, phone):
    fields = {**flat(fix, phone, 1), "timestamp": fix.epoch * 1000, "hdop": 1.5, "speed_unit": "mps"}
    return Message("/osmand?" + urlencode(fields), "", "GET")


def traccar_by_get(fix, phone):
    fields = flat(fix, phone)
    fields["deviceid"], fields["timestamp"] = fields.pop("id"), fix.iso
    return Message("/?" + urlencode(fields), "", "GET")


def traccar_9(fix, phone):
    return Message("/", "", body={"location": {
        "timestamp": fix.iso, "coords": {"latitude": fix.latitude, "longitude": fix.longitude, "speed": fix.speed, "heading": fix.heading,
                                         "accuracy": fix.accuracy, "altitude": fix.altitude},
        "is_moving": True, "odometer": 12, "event": "motionchange", "battery": {"level": 0.81, "is_charging": False},
        "activity": {"type": "on_bicycle"}, "mock": False, "extras": {}, "_": "&id=x&lat=1"}, "device_id": phone})


def traccar_10(fix, phone):
    return Message("/", "", body=urlencode(flat(fix, phone)), headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"})


def traccar_array(fixes, phone):
    return [Message("/osmand", "", body=[flat(fix, phone) for fix in fixes])]


def gpslogger(fix, phone):
    return Message(f"/osmand?id={phone}&lat={fix.latitude}&lon={fix.longitude}&altitude={fix.altitude}&accuracy={fix.accuracy}"
                   f"&speed={fix.speed}&bearing={fix.heading}&sat=9&timestamp={fix.epoch}&batt=81.0&speed_unit=mps", "", "GET")


def feature(fix, phone):
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [fix.longitude, fix.latitude]}, "properties": {
        "timestamp": fix.iso, "altitude": fix.altitude, "speed": fix.speed, "horizontal_accuracy": fix.accuracy, "vertical_accuracy": 3,
        "course": fix.heading, "motion": ["cycling"], "battery_state": "unplugged", "battery_level": 0.81, "wifi": "", "device_id": phone}}


def overland(fixes, phone):
    return [Message("/overland", '{"result":"ok"}', body={"locations": [feature(fix, phone) for fix in fixes],
                                                           "current": feature(fixes[-1], phone), "trip": {"mode": "bicycle"}})]


def transistor(fixes, phone):
    return [Message("/transistor", "{}", body={"device_id": phone, "location": [
        {"timestamp": fix.iso, "uuid": fix.name, "event": "motionchange", "is_moving": True, "odometer": 12.5,
         "coords": {"latitude": fix.latitude, "longitude": fix.longitude, "speed": fix.speed, "heading": fix.heading,
                    "accuracy": fix.accuracy, "altitude": fix.altitude, "heading_accuracy": -1},
         "activity": {"type": "on_bicycle", "confidence": 90}, "battery": {"level": 0.81, "is_charging": False}} for fix in fixes]})]


def mds(fixes, phone):
    return [Message("/mds/telemetry", f'{{"success":{len(fixes)},"total":{len(fixes)},"failures":[]}}', status=201, body=[
        {"device_id": phone, "provider_id": "c20e08cf", "telemetry_id": fix.name, "timestamp": fix.epoch * 1000, "trip_ids": [], "journey_id": None,
         "location": {"lat": fix.latitude, "lng": fix.longitude, "altitude": fix.altitude, "heading": fix.heading, "speed": fix.speed,
                      "horizontal_accuracy": fix.accuracy}} for fix in fixes])]


DIALECTS = {"owntracks": each(owntracks), "owntracks by query": each(owntracks_by_query), "traccar 8": each(traccar_8),
            "traccar by GET": each(traccar_by_get), "osmand": each(osmand_get), "traccar 9": each(traccar_9), "traccar 10": each(traccar_10),
            "traccar array": traccar_array, "gpslogger": each(gpslogger), "overland": overland, "transistor": transistor, "mds": mds}
