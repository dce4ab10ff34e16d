package dev.edgecnn.ondevice;

import java.util.ArrayList;
import java.util.List;

/** One class that the model sees in an image. */
public final class Classification {
    private final String label;
    private final int index;
    private final double probability;

    Classification(String label, int index, double probability) {
        this.label = label;
        this.index = index;
        this.probability = probability;
    }

    /** Name of the class. */
    public String getLabel() {
        return label;
    }

    /** Its index in the model's output. */
    public int getIndex() {
        return index;
    }

    /** Softmax of the logits, 0..1. */
    public double getProbability() {
        return probability;
    }

    @Override
    public String toString() {
        return label + " (" + probability + ")";
    }

    /** The {@code k} most probable classes, best first; of equal ones the lower index comes first. */
    static List<Classification> best(float[] logits, List<String> labels, int k) {
        float largest = Float.NEGATIVE_INFINITY;
        for (float logit : logits) {
            largest = Math.max(largest, logit);
        }
        double total = 0.0;
        for (float logit : logits) {
            total += Math.exp((double) logit - largest);
        }
        boolean[] taken = new boolean[logits.length];
        List<Classification> found = new ArrayList<>();
        while (found.size() < Math.min(k, logits.length)) {
            int best = -1;
            for (int index = 0; index < logits.length; index++) {
                if (!taken[index] && (best < 0 || logits[index] > logits[best])) {
                    best = index;
                }
            }
            taken[best] = true;
            double probability = Math.exp((double) logits[best] - largest) / total;
            found.add(new Classification(labels.get(best), best, probability));
        }
        return found;
    }
}
