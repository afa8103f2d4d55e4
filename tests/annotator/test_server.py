import numpy as np

from annotator_requests import WRITES, put
from warpmarks.regression.storage import load_regressor


def test_a_label_on_one_image_puts_points_on_every_image(client, session):
    before = client.get("/api/project").json()
    assert [point["name"] for point in before["scheme"]["points"]] == ["a", "b"]
    assert [image["width"] for image in before["images"]] == [36] * 12
    saved = put(client, 3, 0, (10, 12), (20.1234, 9)).json()
    assert saved["version"] == 1
    session.start()
    session.locations.wait()
    told = client.get("/api/predictions").json()
    assert told["fitted_on"] == 1
    assert all(len(points) == 4 for points in told["images"]["points"])
    assert told["images"]["placed"][3] == [10, 12, 20.123, 9]
    assert told["images"]["placed"][4] is None
    listed = client.get("/api/project").json()["images"]
    assert (listed[3]["labelled"], listed[3]["complete"]) == (2, True)
    assert (listed[4]["labelled"], listed[4]["complete"]) == (0, False)


def test_the_regressor_of_the_run_is_what_the_page_shows(client, session, tiny_run):
    put(client, 0, 0, (10, 12), (20, 9))
    put(client, 5, 0, (14, 15), (25, 11))
    shown = client.get("/api/images/7").json()
    answer = client.post("/api/regressor", json={"name": "eyes"}, headers=WRITES)
    assert answer.status_code == 200
    regressor = load_regressor(answer.json()["path"])
    assert regressor.scheme.names == ("a", "b")
    landmarks = np.array([shown["landmarks"]])
    predicted = regressor.predict(landmarks, np.array([[36.0, 28.0]]))[0]
    np.testing.assert_allclose(predicted, shown["predicted"], atol=2e-2)
    again = client.post("/api/regressor", json={"name": "eyes"}, headers=WRITES)
    assert again.status_code == 409
