package com.google.ai.edge.litert;

public abstract class JniHandle implements AutoCloseable {
    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
