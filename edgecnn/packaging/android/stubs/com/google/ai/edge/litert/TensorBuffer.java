package com.google.ai.edge.litert;

public final class TensorBuffer extends JniHandle {
    public void writeFloat(float[] data) throws LiteRtException {
        throw new UnsupportedOperationException();
    }

    public void writeInt8(byte[] data) throws LiteRtException {
        throw new UnsupportedOperationException();
    }

    public float[] readFloat() throws LiteRtException {
        throw new UnsupportedOperationException();
    }

    public byte[] readInt8() throws LiteRtException {
        throw new UnsupportedOperationException();
    }
}
