"""TLS in front of the stand-in's PostgreSQL: port 5432 to 5433, encrypted where a client asks for it."""

import asyncio
import ssl
import sys

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until either end is gone."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(certificate: str, key: str) -> None:
    """Serve until the container ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        try:
            first = await client.readexactly(8)
            if first == SSL_REQUEST:
                answer.write(b"S")
                await answer.start_tls(context)
                first = b""
            server, to_server = await asyncio.open_connection("127.0.0.1", 5433)
        except (OSError, asyncio.IncompleteReadError):
            answer.close()
            return
        to_server.write(first)
        await asyncio.gather(pass_on(client, to_server), pass_on(server, answer))

    async with await asyncio.start_server(serve, None, 5432) as listening:
        await listening.serve_forever()


asyncio.run(main(*sys.argv[1:]))
