"""A generated client at work: ``client.py FOLDER < job``; the job is JSON, so is what it tells on standard output.

It runs outside the project, with the libraries that the generator asks for and nothing of ours.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import lienthong_client as generated
from lienthong_client.rest import ApiException


def problem(error: ApiException) -> dict[str, object]:
    """What a typed refusal says."""
    told = generated.ProblemDocument.from_json(error.body)
    return {"status": error.status, "code": told.code, "places": [each.pointer for each in told.errors]}


def logged_in(url: str, client: str, secret: str) -> generated.ApiClient:
    with generated.ApiClient(generated.Configuration(host=url)) as stranger:
        given = generated.AccessApi(stranger).log_in(
            "client_credentials", client_id=client, client_secret=secret
        )
    return generated.ApiClient(generated.Configuration(host=url, access_token=given.access_token))


def main() -> None:
    job = json.load(sys.stdin)
    told: dict[str, object] = {}
    with logged_in(job["url"], job["client"], job["secret"]) as api:
        messages, documents = generated.MessagesApi(api), generated.DocumentsApi(api)
        said = generated.SendMessageRequest(generated.Message.from_dict(job["message"]))
        receipt = messages.send_message(said, idempotency_key=job["key"])
        again = messages.send_message_with_http_info(said, idempotency_key=job["key"])
        told["receipt"] = [receipt.message, [line.partner for line in receipt.transfers]]
        told["same"] = [again.data == receipt, again.headers["idempotency-replayed"]]
        told["message"] = messages.get_message(receipt.message).key
        told["transfer"] = str(messages.get_transfer(receipt.transfers[0].id).state.value)
        told["dossier"] = [alias.code for alias in messages.get_dossier(job["code"]).aliases]
        try:
            messages.send_message(generated.SendMessageRequest(job["wrong"]), idempotency_key="another")
        except ApiException as error:
            told["wrong"] = problem(error)
        try:
            messages.get_message("nobody-s")
        except ApiException as error:
            told["missing"] = problem(error)
        content = Path(__file__).read_bytes()
        announced = generated.Announcement(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        document = documents.announce_document(announced)
        documents.bring_document(document.id, content, upload_offset=0)
        told["document"] = [document.state, documents.get_document(document.id).offset == len(content)]
    with logged_in(job["url"], job["reader"], job["reader_secret"]) as api:
        box = generated.ReceivingApi(api)
        letter = box.list_letters(limit=1).letters[0]
        fetched = box.fetch_letter_with_http_info(letter.transfer)
        answer = generated.LetterAnswer(digest=letter.digest)
        told["letter"] = [
            hashlib.sha256(bytes(fetched.data)).hexdigest() == letter.digest,
            str(box.answer_letter(letter.transfer, answer).state.value),
            letter.transfer in [each.transfer for each in box.list_letters().letters],
        ]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
