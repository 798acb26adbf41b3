# The slim ST-GCN of CrosSCLR and AimCLR: a quarter of the published widths, and 256 channels at the end.
stgcn = dict(type="STGCN", layout="ntu25", width=16, out_channels=256, dropout=0.5, init="normal")
