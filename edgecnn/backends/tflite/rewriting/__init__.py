"""Operations that TFLite lacks, or computes with a transpose or in float, replaced as the network runs."""
