"""The contract: everything that the core relies on, as tests that a plugin inherits. A file for each thing that is promised."""

from router.testing.contract.addresses import AddressesContract
from router.testing.contract.conversations import ConversationsContract
from router.testing.contract.declarations import DeclarationsContract
from router.testing.contract.payloads import PayloadsContract
from router.testing.contract.requests import RequestsContract
from router.testing.contract.sandbox import SandboxContract
from router.testing.contract.secrets import SecretsContract
from router.testing.contract.tables import TablesContract
from router.testing.contract.verdicts import VerdictsContract


class PluginContract(  # pytest runs the last of them first: what is declared, before what depends on it
    SandboxContract,
    SecretsContract,
    ConversationsContract,
    VerdictsContract,
    AddressesContract,
    RequestsContract,
    PayloadsContract,
    TablesContract,
    DeclarationsContract,
):
    """Subclass it in a test module, name the class ``Test…``, and fill in the attributes of `PluginUnderTest`."""


__all__ = ["PluginContract"]
