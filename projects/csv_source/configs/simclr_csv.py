# SimCLR on a folder of CSV files; make_example.py writes one.
_base_ = [
    "../../../configs/_base_/datasets/synthetic.py",
    "../../../configs/_base_/models/synthetic.py",
    "../../../configs/_base_/schedules/adamw_synthetic.py",
]
custom_imports = dict(imports=["projects.csv_source.csv_source"])

sync_bn = "torch"
source = dict(_delete_=True, type="CSVSource", data_root="data/csv_example")
train_dataloader = dict(batch_size=32)
model = dict(type="SimCLR")
