"""Which addresses lie on the public internet, and so may be asked for a video that a stranger names."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out: loopback, link-local, site-local and whatever else is special lies outside."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        # for protocols, a way into IPv6, and where Azure's machines find their metadata; then a range for documentation
        ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20"),
    )
)
"""Special addresses that Python takes for global ones, now or in some version."""
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The bits before an address of IPv4 that a tunnel of this kind leads to."""
_LOW_32 = 0xFFFFFFFF
"""The bits of an address of IPv6 that hold one of IPv4."""


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, and carries none that isn't inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not _is_in(ip, _NEVER)
    inside = ip.ipv4_mapped or (ipaddress.IPv4Address(int(ip) & _LOW_32) if ip in _NAT64 else None)
    if inside is not None:
        return is_public(str(inside))
    carried = [ip.sixtofour, *(ip.teredo or ())]
    if int(ip) >> 32 & _LOW_32 in _ISATAP:
        carried.append(ipaddress.IPv4Address(int(ip) & _LOW_32))
    is_plain = ip in _UNICAST and ip.is_global and not _is_in(ip, _NEVER)
    return is_plain and all(is_public(str(one)) for one in carried if one is not None)


def may_connect(address: str, private: Iterable[Network]) -> bool:
    """Whether an address is public, or lies in a private network that is allowed."""
    return is_public(address) or _is_in(ipaddress.ip_address(address.partition("%")[0]), private)


def _is_in(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Iterable[Network]) -> bool:
    return any(ip in network for network in networks)
