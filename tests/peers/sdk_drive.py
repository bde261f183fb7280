"""Drives a DocuSign API with DocuSign's own SDK for Python, as a sender's program would, and tells what came of it.

    sdk_drive.py BASE TOKEN ACCOUNT FOREIGN      BASE is what the SDK calls its host: …/restapi
"""

import json
import sys

import docusign_esign as docusign
from docusign_esign.client.api_exception import ApiException

base, token, account, foreign = sys.argv[1:]
client = docusign.ApiClient(host=base)
client.set_default_header("Authorization", f"Bearer {token}")
envelopes = docusign.EnvelopesApi(client)
templates = docusign.TemplatesApi(client)


def refused(call):
    """The answer of a call that must be refused."""
    try:
        call()
    except ApiException as error:
        return {"status": error.status, "body": json.loads(error.body)}
    raise AssertionError("it was not refused")


def content(document):
    """The SDK gives a file's path, or its bytes, as it was told."""
    if isinstance(document, bytes):
        return document
    with open(document, "rb") as file:
        return file.read()


known = templates.list_templates(account, search_text="lease")
definition = docusign.EnvelopeDefinition(
    status="sent",
    template_id=known.envelope_templates[0].template_id,
    template_roles=[
        docusign.TemplateRole(
            role_name="Tenant",
            name="Ada First",
            email="ada.first@example.com",
            tabs=docusign.Tabs(text_tabs=[docusign.Text(tab_label="Rent", value="1,200 €")]),
        )
    ],
)
envelope_id = envelopes.create_envelope(account, envelope_definition=definition).envelope_id
tabs = envelopes.list_tabs(account, envelope_id, "1")
sent = envelopes.get_envelope(account, envelope_id, include="recipients")
assert sent.recipients.signers[0].name == "Ada First"
listed = envelopes.list_status_changes(account, from_date="2020-01-01T00:00:00Z", count="1000")
assert any(envelope.envelope_id == envelope_id for envelope in listed.envelopes)
audited = envelopes.list_audit_events(account, envelope_id).audit_events
combined = content(envelopes.get_document(account, "combined", envelope_id))


def void():
    envelope = docusign.Envelope(status="voided", voided_reason="Not needed")
    return envelopes.update(account, envelope_id, envelope=envelope)


void()
voided = envelopes.get_envelope(account, envelope_id)
json.dump(
    {
        "envelope": envelope_id,
        "subject": sent.email_subject,
        "sent": sent.status,
        "rent": next(tab.value for tab in tabs.text_tabs if tab.tab_label == "Rent"),
        "audited": len(audited),
        "combined_begins": combined[:5].decode(),
        "combined_bytes": len(combined),
        "voided": voided.status,
        "reason": voided.voided_reason,
        "unknown": refused(lambda: envelopes.get_envelope(account, "00000000-0000-4000-8000-000000000000")),
        "twice": refused(void),
        "elsewhere": refused(lambda: envelopes.get_envelope(foreign, envelope_id)),
    },
    sys.stdout,
)
