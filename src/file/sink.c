/*
 * sink.c
 *	  The buffer formats write into: empties in blocks of one size.
 */
#include "file/sink.h"

void
rde_buffer_init(RdeBuffer *buffer, RdeSink *sink)
{
	buffer->sink = sink;
	buffer->used = 0;
	if (buffer->data == NULL)
		buffer->data = palloc(RDE_BLOCK_SIZE + RDE_BUFFER_ROOM);
}

void
rde_buffer_flush_blocks(RdeBuffer *buffer)
{
	size_t		done = 0;

	while (buffer->used - done >= RDE_BLOCK_SIZE)
	{
		rde_sink_write(buffer->sink, buffer->data + done, RDE_BLOCK_SIZE);
		done += RDE_BLOCK_SIZE;
	}
	buffer->used -= done;
	memmove(buffer->data, buffer->data + done, buffer->used);
}

void
rde_buffer_append(RdeBuffer *buffer, const char *data, size_t len)
{
	while (len > 0)
	{
		char	   *room = rde_buffer_room(buffer);
		size_t		piece = Min(len, RDE_BUFFER_ROOM);

		memcpy(room, data, piece);
		rde_buffer_advance(buffer, room + piece);
		data += piece;
		len -= piece;
	}
}

void
rde_buffer_drain(RdeBuffer *buffer)
{
	rde_buffer_flush_blocks(buffer);
	rde_sink_write(buffer->sink, buffer->data, buffer->used);
	buffer->used = 0;
}
