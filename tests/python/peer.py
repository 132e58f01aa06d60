"""Clients in Python, as tests/kafka_python.rs wants them: kafka-python and aiokafka.

    python peer.py CLIENT write SERVERS TOPIC COMPRESSION...   writes to one partition per compression, and prints what it wrote
    python peer.py CLIENT read SERVERS TOPIC COUNT ISOLATION   prints what it reads of so many partitions

One line per record: "committed" or "aborted" (when written), partition, offset, timestamp, key, value, headers; bytes in hexadecimal,
null as "-".
"""

import asyncio
import sys
import time

PLAIN = 400
TRANSACTIONS = 12
IN_TRANSACTION = 40
PATIENCE = 60


def record(i, null_header):
    """Key, value, timestamp and headers. Never key and value both null: kafka-python refuses to write that."""
    key = None if i % 7 == 0 else b"" if i % 13 == 0 else b"key-%d" % (i % 50)
    value = None if i % 11 == 0 and key is not None else b"value %d of the records of Python, " % i * (i % 5)
    headers = []
    if i % 5 == 0:
        headers.append(("number", b"x%d" % i))
    if i % 10 == 0:
        headers.append(("null", null_header))
    if i % 15 == 0:
        headers.append(("", b""))
    if i % 20 == 0:
        headers.append(("number", b"\x00\xff"))
    timestamp = 0 if i % 17 == 0 else 1_700_000_000_000 + i * 37 % 101 - 50 * (i % 3)
    return key, value, timestamp, headers


def show(fate, partition, offset, timestamp, key, value, headers):
    fields = [fate, partition, offset, timestamp, hexadecimal(key), hexadecimal(value)]
    fields += [f"{hexadecimal(name.encode())}={hexadecimal(content)}" for name, content in headers]
    print(*fields)


def hexadecimal(content):
    return "-" if content is None else "x" + bytes(content).hex()


def transactions():
    """First number and fate of each."""
    for i in range(TRANSACTIONS):
        yield PLAIN + i * IN_TRANSACTION, "aborted" if i % 3 == 1 else "committed"


class KafkaPython:
    """kafka-python: pure Python, its own thread. It reads headers without value, and refuses to write them."""

    null_header = b"null"

    def __init__(self, servers, topic):
        self.servers, self.topic = servers, topic

    def producer(self, compression, **settings):
        from kafka import KafkaProducer

        compression = None if compression == "none" else compression
        return KafkaProducer(
            bootstrap_servers=self.servers, compression_type=compression, batch_size=4000, linger_ms=5, **settings
        )

    def write(self, partition, compression):
        plain = self.producer(compression)
        transactional = self.producer(compression, transactional_id=f"{self.topic}-{partition}")
        transactional.init_transactions()
        self.send(plain, partition, 0, PLAIN, "committed")
        for first, fate in transactions():
            transactional.begin_transaction()
            self.send(transactional, partition, first, IN_TRANSACTION, fate)
            # Between the records of a transaction and its end.
            self.send(plain, partition, 10_000 + first, 3, "committed")
            if fate == "committed":
                transactional.commit_transaction()
            else:
                transactional.abort_transaction()
        self.send(plain, partition, 20_000, 50, "committed")
        plain.close()
        transactional.close()

    def send(self, producer, partition, first, count, fate):
        sent = []
        for i in range(first, first + count):
            key, value, timestamp, headers = record(i, self.null_header)
            future = producer.send(
                self.topic, value, key, headers=headers, partition=partition, timestamp_ms=timestamp
            )
            sent.append((i, future))
        producer.flush()
        for i, future in sent:
            key, value, timestamp, headers = record(i, self.null_header)
            show(fate, partition, future.get(PATIENCE).offset, timestamp, key, value, headers)

    def read(self, count, isolation):
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=self.servers, isolation_level=isolation, max_partition_fetch_bytes=10_000)
        partitions = [TopicPartition(self.topic, number) for number in range(count)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        deadline = time.monotonic() + PATIENCE
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            if time.monotonic() > deadline:
                sys.exit(f"the end is not reached: {ends}")
            for records in consumer.poll(timeout_ms=100).values():
                for found in records:
                    show_read(found)
        consumer.close()


class AioKafka:
    """aiokafka: asyncio, its record batches in Cython."""

    null_header = None

    def __init__(self, servers, topic):
        self.servers, self.topic = servers, topic

    def write(self, partition, compression):
        asyncio.run(self.write_all(partition, None if compression == "none" else compression))

    async def producer(self, compression, **settings):
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            bootstrap_servers=self.servers,
            compression_type=compression,
            max_batch_size=4000,
            linger_ms=5,
            enable_idempotence=True,
            **settings,
        )
        await producer.start()
        return producer

    async def write_all(self, partition, compression):
        plain = await self.producer(compression)
        transactional = await self.producer(compression, transactional_id=f"{self.topic}-{partition}")
        await self.send(plain, partition, 0, PLAIN, "committed")
        for first, fate in transactions():
            await transactional.begin_transaction()
            await self.send(transactional, partition, first, IN_TRANSACTION, fate)
            # Between the records of a transaction and its end.
            await self.send(plain, partition, 10_000 + first, 3, "committed")
            if fate == "committed":
                await transactional.commit_transaction()
            else:
                await transactional.abort_transaction()
        await self.send(plain, partition, 20_000, 50, "committed")
        await plain.stop()
        await transactional.stop()

    async def send(self, producer, partition, first, count, fate):
        sent = []
        for i in range(first, first + count):
            key, value, timestamp, headers = record(i, self.null_header)
            future = await producer.send(
                self.topic, value, key, partition=partition, timestamp_ms=timestamp, headers=headers
            )
            sent.append((i, future))
        for i, future in sent:
            key, value, timestamp, headers = record(i, self.null_header)
            found = await asyncio.wait_for(future, PATIENCE)
            show(fate, partition, found.offset, timestamp, key, value, headers)

    def read(self, count, isolation):
        asyncio.run(self.read_all(count, isolation))

    async def read_all(self, count, isolation):
        from aiokafka import AIOKafkaConsumer, TopicPartition

        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers, isolation_level=isolation, max_partition_fetch_bytes=10_000
        )
        await consumer.start()
        partitions = [TopicPartition(self.topic, number) for number in range(count)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        deadline = time.monotonic() + PATIENCE
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for found in records:
                    show_read(found)
            positions = [await consumer.position(partition) for partition in partitions]
            if all(position >= ends[partition] for partition, position in zip(partitions, positions)):
                break
            if time.monotonic() > deadline:
                sys.exit(f"the end is not reached: {positions} of {ends}")
        await consumer.stop()


def show_read(found):
    show("committed", found.partition, found.offset, found.timestamp, found.key, found.value, found.headers)


def main(client, what, servers, topic, *rest):
    peer = {"kafka-python": KafkaPython, "aiokafka": AioKafka}[client](servers, topic)
    if what == "write":
        for partition, compression in enumerate(rest):
            peer.write(partition, compression)
    else:
        peer.read(int(rest[0]), rest[1])


main(*sys.argv[1:])
