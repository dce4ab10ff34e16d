package dev.edgecnn.ondevice;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * From a detector's raw outputs to boxes: edgecnn/ondevice/decode.py and nms.py in the same order of operations.
 *
 * <p>Everything is float32, as there; only exp and tanh may differ in the last bit.
 */
final class DetectionDecoder {
    private static final float MAX_LOG_SCALE = (float) Math.log(1000.0 / 16.0);
    private static final float MAX_LOG_STRIDES = (float) Math.log(8192.0);

    private final Preprocessor preprocessor;
    private final String boxes;
    private final boolean softmax;
    private final boolean root;
    private final float offset;
    private final float centerVariance;
    private final float sizeVariance;
    private final int bins;
    private final double scoreThreshold;
    private final double iouThreshold;
    private final int candidates;
    private final int maxDetections;
    private final int inputHeight;
    private final int inputWidth;
    private final List<Level> levels = new ArrayList<>();

    /** One output {@code [C, H, W]}, whatever its layout in the file. */
    private static final class Map {
        final int index;
        final int height;
        final int width;
        final int channels;
        final boolean channelsLast;
        float[] values;

        Map(Description description, int index) {
            String tensor = "output." + index;
            this.index = index;
            height = description.number(tensor + ".height");
            width = description.number(tensor + ".width");
            channels = description.number(tensor + ".size") / (height * width);
            channelsLast = description.text(tensor + ".layout").equals("NHWC");
        }

        float at(int channel, int cell) {
            return values[channelsLast ? cell * channels + channel : channel * height * width + cell];
        }
    }

    private static final class Level {
        final float stride;
        final Map boxes;
        final Map scores;
        final Map objectness;
        final float[][] anchors;
        final float scale;

        Level(Description description, String key) {
            stride = description.real(key + ".stride");
            boxes = new Map(description, description.number(key + ".boxes"));
            scores = new Map(description, description.number(key + ".scores"));
            objectness = description.has(key + ".objectness")
                    ? new Map(description, description.number(key + ".objectness"))
                    : null;
            scale = description.real(key + ".scale");
            anchors = new float[description.number(key + ".anchors")][];
            for (int index = 0; index < anchors.length; index++) {
                String anchor = key + ".anchor." + index;
                anchors[index] = new float[] {description.real(anchor + ".width"), description.real(anchor + ".height")};
            }
        }

        int kinds() {
            return Math.max(1, anchors.length);
        }
    }

    /** A box that reached the threshold; decoded when it is among the best. */
    private static final class Candidate implements Comparable<Candidate> {
        final Level level;
        final float score;
        final int label;
        final int anchor;
        final int cell;
        float[] box;
        double[] apart;

        Candidate(Level level, float score, int label, int anchor, int cell) {
            this.level = level;
            this.score = score;
            this.label = label;
            this.anchor = anchor;
            this.cell = cell;
        }

        @Override
        public int compareTo(Candidate other) {
            return Float.compare(other.score, score);
        }
    }

    DetectionDecoder(Description description, Preprocessor preprocessor) {
        this.preprocessor = preprocessor;
        boxes = description.text("detector.boxes");
        softmax = description.text("detector.scores").equals("softmax");
        root = description.text("detector.scores").equals("sigmoid-root");
        offset = description.real("detector.offset");
        centerVariance = description.real("detector.variance.center");
        sizeVariance = description.real("detector.variance.size");
        bins = description.number("detector.bins");
        scoreThreshold = Double.parseDouble(description.text("detector.score_threshold"));
        iouThreshold = Double.parseDouble(description.text("detector.iou_threshold"));
        candidates = description.number("detector.candidates");
        maxDetections = description.number("detector.max_detections");
        inputHeight = description.number("input.height");
        inputWidth = description.number("input.width");
        for (int index = 0; index < description.number("detector.levels"); index++) {
            levels.add(new Level(description, "detector.level." + index));
        }
    }

    /**
     * Turns raw outputs into boxes of the image before preprocessing.
     *
     * @param outputs dequantized values, in the layout of the file
     */
    List<Detection> decode(float[][] outputs, int height, int width, List<String> labels) {
        List<Candidate> found = new ArrayList<>();
        for (Level level : levels) {
            level.boxes.values = outputs[level.boxes.index];
            level.scores.values = outputs[level.scores.index];
            if (level.objectness != null) {
                level.objectness.values = outputs[level.objectness.index];
            }
            score(level, found);
        }
        Collections.sort(found); // stable: of equal scores the earlier box goes first
        found = found.subList(0, Math.min(candidates, found.size()));
        for (Candidate candidate : found) {
            candidate.box = box(candidate);
        }
        List<Detection> result = new ArrayList<>();
        for (Candidate kept : suppress(found)) {
            float[] box = toSource(kept.box, height, width);
            result.add(new Detection(labels.get(kept.label), kept.label, kept.score, box));
        }
        return result;
    }

    private void score(Level level, List<Candidate> found) {
        int kinds = level.kinds();
        int classes = level.scores.channels / kinds;
        int cells = level.scores.height * level.scores.width;
        float threshold = (float) scoreThreshold;
        float least = logit(root ? scoreThreshold * scoreThreshold : scoreThreshold);
        for (int anchor = 0; anchor < kinds; anchor++) {
            if (softmax) {
                softmax(level, anchor, classes, cells, threshold, found);
            } else if (level.objectness == null) {
                for (int label = 0; label < classes; label++) {
                    for (int cell = 0; cell < cells; cell++) {
                        float logit = level.scores.at(anchor * classes + label, cell);
                        if (logit >= least) {
                            found.add(new Candidate(level, sigmoid(logit), label, anchor, cell));
                        }
                    }
                }
            } else {
                for (int cell = 0; cell < cells; cell++) {
                    float object = level.objectness.at(anchor, cell);
                    if (!(object >= least)) {
                        continue;
                    }
                    for (int label = 0; label < classes; label++) {
                        float value = sigmoid(object) * sigmoid(level.scores.at(anchor * classes + label, cell));
                        value = root ? (float) Math.sqrt(value) : value;
                        if (value >= threshold) {
                            found.add(new Candidate(level, value, label, anchor, cell));
                        }
                    }
                }
            }
        }
    }

    /** Scores of classes with a background, which is the first. */
    private static void softmax(
            Level level, int anchor, int classes, int cells, float threshold, List<Candidate> found) {
        float[] totals = new float[cells];
        float[] largest = new float[cells];
        for (int cell = 0; cell < cells; cell++) {
            largest[cell] = Float.NEGATIVE_INFINITY;
            for (int label = 0; label < classes; label++) {
                largest[cell] = Math.max(largest[cell], level.scores.at(anchor * classes + label, cell));
            }
            for (int label = 0; label < classes; label++) {
                totals[cell] += exp(level.scores.at(anchor * classes + label, cell) - largest[cell]);
            }
        }
        for (int label = 1; label < classes; label++) {
            for (int cell = 0; cell < cells; cell++) {
                float odds = exp(level.scores.at(anchor * classes + label, cell) - largest[cell]);
                if (odds / totals[cell] >= threshold) {
                    found.add(new Candidate(level, odds / totals[cell], label - 1, anchor, cell));
                }
            }
        }
    }

    private float[] box(Candidate candidate) {
        Level level = candidate.level;
        float[] raw = new float[4 * bins];
        for (int index = 0; index < raw.length; index++) {
            raw[index] = level.boxes.at(candidate.anchor * raw.length + index, candidate.cell);
        }
        float column = candidate.cell % level.boxes.width + offset;
        float row = candidate.cell / level.boxes.width + offset;
        if (boxes.startsWith("anchors-")) {
            float[] anchor = level.anchors[candidate.anchor];
            float x = (anchorOffset(level, raw[0]) + column) * level.stride;
            float y = (anchorOffset(level, raw[1]) + row) * level.stride;
            return around(x, y, anchorFactor(raw[2]) * anchor[0] / 2, anchorFactor(raw[3]) * anchor[1] / 2);
        }
        if (boxes.equals("yolox")) {
            float halfWidth = exp(Math.min(raw[2], MAX_LOG_STRIDES)) * level.stride / 2;
            float halfHeight = exp(Math.min(raw[3], MAX_LOG_STRIDES)) * level.stride / 2;
            return around((raw[0] + column) * level.stride, (raw[1] + row) * level.stride, halfWidth, halfHeight);
        }
        if (boxes.equals("ssd")) {
            float[] prior = level.anchors[candidate.anchor];
            float cellWidth = (float) ((double) inputWidth / level.boxes.width);
            float cellHeight = (float) ((double) inputHeight / level.boxes.height);
            float x = column * cellWidth + raw[0] * centerVariance * prior[0];
            float y = row * cellHeight + raw[1] * centerVariance * prior[1];
            float halfWidth = exp(Math.min(raw[2] * sizeVariance, MAX_LOG_SCALE)) * prior[0] / 2;
            float halfHeight = exp(Math.min(raw[3] * sizeVariance, MAX_LOG_SCALE)) * prior[1] / 2;
            return around(x, y, halfWidth, halfHeight);
        }
        float[] distances = new float[4];
        for (int side = 0; side < 4; side++) {
            distances[side] = distance(raw, side);
        }
        return new float[] {
            (column - distances[0]) * level.stride,
            (row - distances[1]) * level.stride,
            (column + distances[2]) * level.stride,
            (row + distances[3]) * level.stride
        };
    }

    /** The distance to a side, in strides. */
    private float distance(float[] raw, int side) {
        switch (boxes) {
            case "dfl":
                return expected(raw, side * bins);
            case "ltrb":
                return Math.max(raw[side], 0f);
            case "ltrb-signed":
                return raw[side];
            case "ltrb-exp":
                return exp(Math.min(raw[side], MAX_LOG_STRIDES));
            default:
                throw new IllegalArgumentException("unknown coding of boxes: " + boxes);
        }
    }

    /** A centre within its cell, or up to half of the scale's surplus over its borders. */
    private static float anchorOffset(Level level, float raw) {
        return level.scale * sigmoid(raw) - (level.scale - 1) * 0.5f;
    }

    private float anchorFactor(float raw) {
        float twice = 2 * sigmoid(raw);
        return boxes.equals("anchors-v5") ? twice * twice : exp(Math.min(raw, MAX_LOG_STRIDES));
    }

    private static float[] around(float x, float y, float halfWidth, float halfHeight) {
        return new float[] {x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight};
    }

    /** The mean of a softmax over whole distances. */
    private float expected(float[] logits, int from) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int bin = 0; bin < bins; bin++) {
            largest = Math.max(largest, logits[from + bin]);
        }
        float total = 0f;
        float weighted = 0f;
        for (int bin = 0; bin < bins; bin++) {
            float odds = exp(logits[from + bin] - largest);
            total += odds;
            weighted += odds * bin;
        }
        return weighted / total;
    }

    /** Chooses boxes greedily by score; a chosen box removes those of its class that overlap it more. */
    private List<Candidate> suppress(List<Candidate> found) {
        double least = Double.POSITIVE_INFINITY;
        double most = Double.NEGATIVE_INFINITY;
        for (Candidate candidate : found) {
            for (float corner : candidate.box) {
                least = Math.min(least, corner);
                most = Math.max(most, corner);
            }
        }
        double span = most - least + 1.0;
        List<Candidate> kept = new ArrayList<>();
        for (Candidate candidate : found) {
            if (kept.size() == maxDetections) {
                break;
            }
            // Boxes of other classes are moved out of reach.
            candidate.apart = new double[4];
            Arrays.fill(candidate.apart, candidate.label * span);
            boolean free = true;
            for (int corner = 0; corner < 4; corner++) {
                candidate.apart[corner] += candidate.box[corner];
            }
            for (Candidate better : kept) {
                free = free && !overlap(better.apart, candidate.apart);
            }
            if (free) {
                kept.add(candidate);
            }
        }
        return kept;
    }

    private boolean overlap(double[] first, double[] second) {
        double width = Math.max(Math.min(first[2], second[2]) - Math.max(first[0], second[0]), 0.0);
        double height = Math.max(Math.min(first[3], second[3]) - Math.max(first[1], second[1]), 0.0);
        double shared = height * width;
        double union = (first[2] - first[0]) * (first[3] - first[1])
                + (second[2] - second[0]) * (second[3] - second[1])
                - shared;
        return shared > iouThreshold * union;
    }

    /** Turns a box of the model's input into one of the image, cut at its borders. */
    private float[] toSource(float[] box, int height, int width) {
        int[] where = preprocessor.place(height, width);
        float scaleX = (float) ((double) width / where[1]);
        float scaleY = (float) ((double) height / where[0]);
        return new float[] {
            clip((box[0] + where[3]) * scaleX, width),
            clip((box[1] + where[2]) * scaleY, height),
            clip((box[2] + where[3]) * scaleX, width),
            clip((box[3] + where[2]) * scaleY, height)
        };
    }

    private static float clip(float value, float limit) {
        return Math.min(Math.max(value, 0f), limit);
    }

    private static float exp(float value) {
        return (float) Math.exp(value);
    }

    private static float sigmoid(float logit) {
        return 0.5f * ((float) Math.tanh(0.5f * logit) + 1.0f);
    }

    private static float logit(double score) {
        if (!(score > 0.0 && score < 1.0)) {
            return score <= 0.0 ? Float.NEGATIVE_INFINITY : Float.POSITIVE_INFINITY;
        }
        return (float) (Math.log(score) - Math.log1p(-score));
    }
}
