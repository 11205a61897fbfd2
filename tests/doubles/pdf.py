"""Small PDF files, and signatures in them by pyHanko's own signer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pyhanko.keys import load_cert_from_pemder, load_private_key_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.timestamps import DummyTimeStamper

if TYPE_CHECKING:
    from datetime import datetime

    from tests.doubles.pki import Pki


def pdf(text: bytes = b"Giay chung nhan") -> bytes:
    """Return one page."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
    )
    out, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 5\n0000000000 65535 f \n"
    return out + head + table + b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)


def signed(
    pki: Pki, data: bytes, name: str = "seal-2048", field: str = "S1", *, stamped_at: datetime | None = None
) -> bytes:
    """Sign it with the named key; ``stamped_at``: with a time-stamp by the test's authority."""
    one, root = pki[name], str(pki["root"].certificate_file)
    signer: signers.SimpleSigner | None = signers.SimpleSigner.load(  # type: ignore[no-untyped-call]  # pyHanko's
        str(one.key_file), str(one.certificate_file), ca_chain_files=(root,)
    )
    assert signer is not None
    stamper = None
    if stamped_at is not None:
        tsa = pki["tsa-2048"]
        stamper = DummyTimeStamper(
            tsa_cert=load_cert_from_pemder(str(tsa.certificate_file)),  # type: ignore[no-untyped-call]  # pyHanko's
            tsa_key=load_private_key_from_pemder(str(tsa.key_file), None),
            fixed_dt=stamped_at,
        )
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    metadata = signers.PdfSignatureMetadata(field_name=field)
    made: io.BytesIO = signers.sign_pdf(writer, metadata, signer=signer, timestamper=stamper)
    return made.getvalue()
