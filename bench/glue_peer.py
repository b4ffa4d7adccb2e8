"""bench/glue_peer.py — the usual glue of an API, a broker, a script and a database, as waybill's peer: FastAPI publishes each location to
Mosquitto with QoS 1 and answers when it is acknowledged, a script takes it from there into MongoDB, GET asks that.

glue_peer.py api PORT MQTT_PORT MONGO_URL | glue_peer.py subscribe MQTT_PORT MONGO_URL"""
import asyncio
import json
import sys

import paho.mqtt.client as mqtt
import pymongo

TOPIC = "test/deliverer_data"


def collection(url):
    found = pymongo.MongoClient(url).glue.get_collection("deliverer_location", write_concern=pymongo.WriteConcern("majority", j=True))
    found.create_index([("order_id", 1), ("timestamp", -1)])
    return found


def connected(port, name, user, password, keep_session, on_message=None):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=not keep_session)
    client.username_pw_set(user, password)
    client.max_inflight_messages_set(1000)
    if on_message:
        client.on_message = on_message
        client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
    client.connect("127.0.0.1", int(port))
    return client


def application(mqtt_port, user, password, mongo_url):
    import fastapi

    app, locations = fastapi.FastAPI(), collection(mongo_url)
    client = connected(mqtt_port, "glue-api", user, password, keep_session=False)
    client.loop_start()

    @app.post("/v1/deliverer_location/")
    async def take(request: fastapi.Request):
        body = await request.json()
        if "order_id" not in body:
            raise fastapi.HTTPException(422)
        sent = client.publish(TOPIC, json.dumps(body), qos=1)
        while not sent.is_published():
            await asyncio.sleep(0.001)
        return {"status": "OK"}

    @app.get("/v1/deliverer_location/last/{order_id}")
    def last(order_id: str):
        found = locations.find({"order_id": order_id}, {"_id": 0}).sort("timestamp", -1).limit(1)
        return {"data": list(found)}
    return app


def main():
    what, *rest = sys.argv[1:]
    if what == "api":
        import uvicorn

        port, *told = rest
        uvicorn.run(application(*told), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
        return
    mqtt_port, user, password, mongo_url = rest
    locations = collection(mongo_url)
    client = connected(mqtt_port, "glue-subscriber", user, password, keep_session=True,
                       on_message=lambda _, __, message: locations.insert_one(json.loads(message.payload)))
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
