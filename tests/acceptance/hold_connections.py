"""hold_connections.py HOST PORT CA COUNT FIFO: as many HTTP/2 connections over
TLS as that (RFC 9113), which ask for nothing and answer PINGs, until this
process is ended. When all are open, a word is written to the FIFO."""

import asyncio
import resource
import ssl
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, ACK = 4, 6, 1


def frame(kind: int, flags: int = 0, payload: bytes = b"") -> bytes:
  size = len(payload).to_bytes(3, "big")
  return size + bytes([kind, flags]) + bytes(4) + payload


async def answer(reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
  while True:
    head = await reader.readexactly(9)
    payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
    kind, flags = head[3], head[4]
    if kind in (SETTINGS, PING) and not flags & ACK:
      writer.write(frame(kind, ACK, payload if kind == PING else b""))


async def hold(host: str, port: str, ca: str, count: str, fifo: str) -> None:
  tls = ssl.create_default_context(cafile=ca)
  tls.set_alpn_protocols(["h2"])
  held = []
  for _ in range(int(count)):
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    writer.write(PREFACE + frame(SETTINGS))
    held.append(asyncio.ensure_future(answer(reader, writer)))
  with open(fifo, "w", encoding="ascii") as said:
    said.write("held\n")
  await asyncio.wait(held)


def main() -> None:
  _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
  resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
  asyncio.run(hold(*sys.argv[1:]))


main()
