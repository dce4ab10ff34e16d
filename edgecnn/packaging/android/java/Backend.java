package dev.edgecnn.ondevice;

import java.nio.ByteBuffer;

/** What executes the model. */
public interface Backend extends AutoCloseable {
    /**
     * Runs one inference.
     *
     * @param input the input tensor, in the model's own type and in native byte order
     * @return the outputs, in their own types and in native byte order
     */
    ByteBuffer[] run(ByteBuffer input);

    @Override
    void close();
}
