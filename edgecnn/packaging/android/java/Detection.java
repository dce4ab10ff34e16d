package dev.edgecnn.ondevice;

/** One object that the model finds in an image. */
public final class Detection {
    private final String label;
    private final int index;
    private final float score;
    private final float left;
    private final float top;
    private final float right;
    private final float bottom;

    Detection(String label, int index, float score, float[] box) {
        this.label = label;
        this.index = index;
        this.score = score;
        left = box[0];
        top = box[1];
        right = box[2];
        bottom = box[3];
    }

    /** Name of the class. */
    public String getLabel() {
        return label;
    }

    /** Its index. */
    public int getIndex() {
        return index;
    }

    /** How sure the model is, 0..1. */
    public float getScore() {
        return score;
    }

    /** Left side in pixels of the image. */
    public float getLeft() {
        return left;
    }

    /** Upper side in pixels of the image. */
    public float getTop() {
        return top;
    }

    /** Right side in pixels of the image. */
    public float getRight() {
        return right;
    }

    /** Lower side in pixels of the image. */
    public float getBottom() {
        return bottom;
    }

    @Override
    public String toString() {
        return label + " (" + score + ") " + left + "," + top + "," + right + "," + bottom;
    }
}
