"""Files through nginx and two processes: what was uploaded by one is read from the other, and refusals arrive."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.integration.test_nginx_cluster import NGINX, NGINX_MISSING, ClusterProcess, serving_cluster
from tests.support.client import Person, call, register
from tests.support.uploads import FORM, form, get, part, send_form, upload

pytestmark = pytest.mark.skipif(NGINX is None, reason=NGINX_MISSING)

LARGE = b"0123456789abcdef" * (5 * 2**20 // 16)  # MAX_FILE_SIZE


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    with serving_cluster(tmp_path_factory.mktemp("files")) as one:
        yield one


@pytest.fixture(scope="module")
def ann(cluster: ClusterProcess) -> Person:
    return register(cluster.url)


def test_the_largest_file_passes_and_is_read_from_every_process(cluster: ClusterProcess, ann: Person) -> None:
    file = upload(ann, LARGE)
    assert get(ann, file["url"]).body == LARGE
    for port in (cluster.port + 1, cluster.port + 2):
        reply = call(
            f"http://127.0.0.1:{port}", "GET", file["url"], token=ann.access_token, headers={"Range": "bytes=1000000-"}
        )
        assert (reply.status, reply.body) == (206, LARGE[1_000_000:])


def test_one_byte_more_is_refused_by_the_process_and_much_more_by_nginx(ann: Person) -> None:
    for size in (len(LARGE) + 1, 7 * 2**20):
        reply = send_form(ann, form(part(b"x" * size)))
        assert (reply.status, reply.code) == (413, "payload_too_large")


def test_chunks_are_refused_once_they_are_too_many(cluster: ClusterProcess, ann: Person) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port, timeout=30)
    headers = {"Authorization": f"Bearer {ann.access_token}", "Content-Type": FORM}
    pieces = iter([part(b"")[:-2], *[b"x" * 65_536] * 85])
    connection.request("POST", "/files", body=pieces, headers=headers, encode_chunked=True)
    reply = connection.getresponse()
    assert (reply.status, b"payload_too_large" in reply.read()) == (413, True)
    connection.close()


def test_behind_nginx_a_part_and_what_is_known_are_answered_as_without_it(ann: Person) -> None:
    file = upload(ann, b"0123456789")
    reply = get(ann, file["url"], Range="bytes=2-4")
    assert (reply.status, reply.body, reply.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert get(ann, file["url"], If_None_Match=reply.headers["etag"]).status == 304
    assert get(ann, file["url"], Range="bytes=99-").status == 416
    assert reply.headers["cache-control"].startswith("private")
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"
